import { z } from 'zod'
import { type Admin, stateOf } from './admin.ts'
import * as forms from './admin-schemas.ts'
import { BalFault, type BalReason } from './bal-fault.ts'
import type { Bal } from './bal-types.ts'

/** One operation of the API, as data: the shell routes it, checks its forms, describes it, and audits each call. */
export interface Endpoint {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As OpenAPI writes it: `/v1/boxes/{address}`. */
  path: string
  /** OpenAPI operationId. */
  id: string
  summary: string
  params: z.ZodObject
  query: z.ZodObject
  body?: z.ZodObject
  status: 200 | 201
  answer: z.ZodObject
  /** Whether the call may carry If-Match with the revision that it is about. */
  conditional?: boolean
  /** @returns what `answer` describes */
  run(call: Call): Promise<unknown>
}

export interface Call<P = Record<string, unknown>, Q = Record<string, unknown>, B = Record<string, unknown>> {
  params: P
  query: Q
  body: B
  /** Who calls, for the audit log. */
  by: string
  revision?: number
}

/** Why an operation was refused, as HTTP says it. */
export interface Refused {
  status: 404 | 409 | 412 | 422
  reason: string
  message: string
  faults: readonly { field: string; reason: string; message: string }[]
}

const CONFLICTS: readonly BalReason[] = ['address-taken', 'closed', 'reserved', 'delegate']

/** @returns how a BalFault is answered; undefined for anything else, which is a bug of ours */
export function refusedBy(error: unknown): Refused | undefined {
  if (!(error instanceof BalFault)) return undefined
  const { reason, message, faults } = error
  const only = faults.length === 1
  const status =
    only && reason === 'unknown-box' ? 404 : only && reason === 'revision' ? 412 : only && CONFLICTS.includes(reason) ? 409 : 422
  return { status, reason, message, faults }
}

const none = z.object({})
const named = z.object({ address: forms.address })

/** Keeps the forms and the operation together; the shell hands over what it has checked with these very forms. */
function endpoint<P extends z.ZodObject = typeof none, Q extends z.ZodObject = typeof none, B extends z.ZodObject = typeof none>(
  spec: Omit<Endpoint, 'params' | 'query' | 'body' | 'status' | 'run'> & { params?: P; query?: Q; body?: B; status?: 201 } & {
    run(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<unknown>
  },
): Endpoint {
  return { status: 200, ...spec, params: spec.params ?? none, query: spec.query ?? none, run: call => spec.run(call as never) }
}

interface AuditReader {
  list(asked: { object?: string; by?: string; after?: number; limit?: number }): Promise<unknown[]>
  verify(): Promise<unknown>
}

/** The administration API of the boxes and of their audit log. */
export function adminEndpoints(admin: Admin, audit: AuditReader): Endpoint[] {
  const one = async (bal: Promise<Bal>) => withState(await bal)
  /** What is done to one box, without further words. */
  const act = (id: string, verb: string, summary: string, change: (address: string, by: string) => Promise<Bal>) =>
    endpoint({
      method: 'post',
      path: `/v1/boxes/{address}/${verb}`,
      id,
      summary,
      params: named,
      answer: forms.box,
      run: ({ params, by }) => one(change(params.address, by)),
    })
  const delegate = (method: 'put' | 'delete', id: string, summary: string, change: Admin['addDelegate']) =>
    endpoint({
      method,
      path: '/v1/boxes/{address}/delegates/{delegate}',
      id,
      summary,
      params: z.object({ address: forms.address, delegate: forms.address }),
      answer: forms.box,
      run: ({ params, by }) => one(change(params.address, params.delegate, by)),
    })

  return [
    endpoint({
      method: 'get',
      path: '/v1/boxes',
      id: 'listBoxes',
      summary: 'Boxes hosted here, closed ones too',
      query: forms.boxQuery,
      answer: forms.boxList,
      run: async ({ query }) => ({ boxes: (await admin.list(query)).map(withState) }),
    }),
    endpoint({
      method: 'post',
      path: '/v1/boxes',
      id: 'createBox',
      summary: 'Create a box; its application password is shown this once',
      body: forms.newBox,
      status: 201,
      answer: forms.created,
      run: async ({ body, by }) => {
        const { box, password } = await admin.create(body, by)
        return { box: withState(box), password }
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/boxes/{address}',
      id: 'showBox',
      summary: 'One box',
      params: named,
      answer: forms.box,
      run: ({ params }) => one(admin.show(params.address)),
    }),
    endpoint({
      method: 'patch',
      path: '/v1/boxes/{address}',
      id: 'changeBox',
      summary: 'Change a box; with If-Match only if nobody has changed it since',
      params: named,
      body: forms.boxChanges,
      answer: forms.box,
      conditional: true,
      run: ({ params, body, by, revision }) => one(admin.change(params.address, body, by, revision)),
    }),
    act('suspendBox', 'suspend', 'Suspend a box: it takes and sends nothing until it is resumed', admin.suspend),
    act('resumeBox', 'resume', 'Resume a suspended box', admin.resume),
    act(
      'closeBox',
      'close',
      'Close a box for ever: password, delegations and certificates are void, the address is never given again',
      admin.close,
    ),
    act('declareBox', 'declare', 'Record that the holder informs the patients and records their oppositions', admin.declare),
    act('retractBox', 'retract', 'Take that declaration back', admin.retract),
    endpoint({
      method: 'post',
      path: '/v1/boxes/{address}/password',
      id: 'changePassword',
      summary: 'Replace the application password; the new one is shown this once',
      params: named,
      answer: forms.password,
      run: ({ params, by }) => admin.changePassword(params.address, by),
    }),
    endpoint({
      method: 'put',
      path: '/v1/boxes/{address}/purposes',
      id: 'sayPurposes',
      summary: 'Say what letters a box is there for; an empty list takes it back',
      params: named,
      body: forms.purposesBody,
      answer: forms.box,
      run: ({ params, body, by }) => one(admin.change(params.address, body, by)),
    }),
    delegate('put', 'addDelegate', 'Let a PER box hosted here write as this ORG or CAB box', admin.addDelegate),
    delegate('delete', 'removeDelegate', 'Take that back', admin.removeDelegate),
    endpoint({
      method: 'post',
      path: '/v1/boxes/{address}/certificates',
      id: 'addCertificate',
      summary: 'Let an APP box sign in by a client certificate',
      params: named,
      body: forms.certificateBody,
      answer: forms.box,
      run: ({ params, body, by }) => one(admin.addCertificate(params.address, body.dn, by)),
    }),
    endpoint({
      method: 'delete',
      path: '/v1/boxes/{address}/certificates',
      id: 'removeCertificate',
      summary: 'Take that back',
      params: named,
      query: forms.certificateQuery,
      answer: forms.box,
      run: ({ params, query, by }) => one(admin.removeCertificate(params.address, query.dn, by)),
    }),
    endpoint({
      method: 'get',
      path: '/v1/audit',
      id: 'listAudit',
      summary: 'The audit log, oldest line first',
      query: forms.auditQuery,
      answer: forms.auditList,
      run: async ({ query }) => ({ lines: await audit.list(definedOf(query)) }),
    }),
    endpoint({
      method: 'get',
      path: '/v1/audit/verdict',
      id: 'verifyAudit',
      summary: 'Whether the chain of the audit log is whole',
      answer: forms.auditVerdict,
      run: () => audit.verify(),
    }),
  ]
}

function withState(bal: Bal) {
  return { ...bal, state: stateOf(bal) }
}

function definedOf<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as never
}
