import { getConnInfo } from '@hono/node-server/conninfo'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import type { Log } from '../../config/index.ts'
import type { Endpoint, Refused } from './endpoint.ts'
import { DOCUMENT_PATH, openApiOf } from './openapi.ts'
import { type Fault, Problem } from './problem.ts'
import type { Throttle } from './throttle.ts'

export interface ShellOptions {
  endpoints: readonly Endpoint[]
  info: { title: string; version: string; description: string }
  /** @returns the name of whoever this token belongs to */
  holderOf: (token: string) => Promise<string | undefined>
  /** Writes a call down; when it can't, the call has no answer. */
  audit: (entry: {
    by: string
    action: string
    object: string
    result: 'done' | 'refused'
    detail: Record<string, string>
  }) => Promise<void>
  /** Whether an address may stand in the audit log: what a caller mistakes for a box may be a patient. */
  isOurs: (address: string) => boolean
  /** @returns how an error of the rooms is answered; undefined when it is a bug of ours */
  refusedBy: (error: unknown) => Refused | undefined
  /** Notes that somebody came without a right token. */
  refused: (source: string, token: string | undefined) => Promise<void>
  throttle: Throttle
  now: () => number
  log: Log
}

export type Shell = Hono<{ Variables: { by: string; call: Called } }>
type Asked = Context<{ Variables: { by: string; call: Called } }>
/** A call, as the audit log has it. */
interface Called {
  id: string
  object: string
  detail?: Record<string, string>
}

const MAX_BODY = 64 * 1024
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000',
  'X-Content-Type-Options': 'nosniff',
}

/**
 * The shell of an HTTP API: a token first, then the route. Each call of who has a token is written into the audit log, and one line of the log says operation,
 * status and duration; never the path, which may name somebody.
 */
export function openShell(options: ShellOptions): Shell {
  const { endpoints, now, log } = options
  const app: Shell = new Hono()
  const document = openApiOf(endpoints, options.info)

  app.use(async (context, next) => {
    const began = now()
    await next()
    for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value)
    const { by = '', call } = context.var
    log.info('http', { operation: call?.id ?? 'none', by, status: context.res.status, ms: now() - began })
  })
  app.use(async (context, next) => {
    context.set('by', `token:${await authenticate(context, options)}`)
    context.set('call', { id: 'none', object: '' })
    await next()
    await auditCall(context, options)
  })
  const limits = new Map(endpoints.flatMap(({ path, maxBody }) => (maxBody === undefined ? [] : [[path, limited(maxBody)]])))
  const usual = limited(MAX_BODY)
  app.use((context, next) => (limits.get(context.req.path) ?? usual)(context, next))
  app.get(DOCUMENT_PATH, context => {
    context.set('call', { id: 'openapi', object: '' })
    return context.json(document)
  })
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1')
    app.on(endpoint.method.toUpperCase(), path, context => answer(context, endpoint, options))
  }
  app.notFound(() => new Problem(404, 'no-such-operation', 'There is no such operation: see /openapi.json').toResponse())
  app.onError(error => problemOf(error, options).toResponse())
  return app
}

function limited(maxSize: number) {
  return bodyLimit({ maxSize, onError: () => new Problem(413, 'too-long', `A body has at most ${maxSize} octets`).toResponse() })
}

/** @throws Problem 401 after a while, 429 when too many wait already */
async function authenticate(context: Asked, { holderOf, refused, throttle, log }: ShellOptions): Promise<string> {
  const [, token] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(context.req.header('Authorization') ?? '') ?? []
  const holder = token === undefined ? undefined : await holderOf(token)
  if (holder !== undefined) return holder
  const source = getConnInfo(context).remote.address ?? ''
  await refused(source, token)
  const { kind, count } = await throttle.failed(source)
  log.warn('http-token-refused', { source, count })
  if (kind === 'full') throw new Problem(429, 'too-many', 'Too many wrong tokens, come back later', { headers: { 'Retry-After': '60' } })
  throw new Problem(401, 'token', 'A token is needed, and this is none', { headers: { 'WWW-Authenticate': 'Bearer realm="pli"' } })
}

async function auditCall(context: Asked, { audit }: ShellOptions): Promise<void> {
  const { by, call } = context.var
  const { status } = context.res
  const result = status < 400 ? 'done' : 'refused'
  await audit({ by, action: `api.${call.id}`, object: call.object, result, detail: { ...call.detail, status: String(status) } })
}

async function answer(context: Asked, endpoint: Endpoint, { isOurs }: Pick<ShellOptions, 'isOurs'>): Promise<Response> {
  const given = context.req.param() as Record<string, string>
  const called = (address: unknown = '') => {
    context.set('call', { id: endpoint.id, object: typeof address === 'string' && isOurs(address) ? address : '' })
  }
  called(given.address)
  const params = checked(endpoint.params, given, 'path')
  const query = checked(endpoint.query, onlyOnce(context.req.queries()), 'query')
  const body = endpoint.text ? await textOf(context, endpoint.text) : endpoint.body ? checked(endpoint.body, await jsonOf(context), '') : {}
  if (typeof body.address === 'string') called(body.address)
  const revision = endpoint.conditional ? revisionOf(context.req.header('If-Match')) : undefined
  const value = await endpoint.run({ params, query, body, by: context.var.by, ...(revision !== undefined && { revision }) })
  const shown = endpoint.answer.parse(value) as { revision?: unknown }
  if (endpoint.audited) context.set('call', { ...context.var.call, ...endpoint.audited(body, shown) })
  const headers = typeof shown.revision === 'number' ? { ETag: `"${shown.revision}"` } : {}
  return context.json(shown, endpoint.status, headers)
}

function checked(form: z.ZodObject, value: unknown, where: string): Record<string, unknown> {
  const parsed = form.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue): Fault => {
    const field = [where, ...issue.path].filter(part => part !== '').join('.')
    return { field, reason: issue.code, message: issue.message }
  })
  throw new Problem(422, 'form', faults.map(({ field, message }) => `${field || 'body'}: ${message}`).join('; '), { faults })
}

/** A parameter that is given twice is read in two ways. */
function onlyOnce(queries: Record<string, string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(queries).map(([name, values]) => {
      if (values.length > 1) throw new Problem(422, 'form', `query.${name}: is given twice`)
      return [name, values[0] ?? '']
    }),
  )
}

async function jsonOf(context: Asked): Promise<unknown> {
  const type = context.req.header('Content-Type') ?? ''
  if (!/^application\/json *(;|$)/i.test(type)) throw new Problem(415, 'not-json', 'The body must be application/json')
  try {
    return await context.req.json()
  } catch (error) {
    if (error instanceof SyntaxError) throw new Problem(400, 'not-json', 'The body is no JSON')
    throw error
  }
}

async function textOf(context: Asked, types: readonly string[]): Promise<Record<string, unknown>> {
  const [type = ''] = (context.req.header('Content-Type') ?? '').split(';')
  if (types.includes(type.trim().toLowerCase())) return { text: await context.req.text() }
  throw new Problem(415, 'not-this', `The body must be one of ${types.join(', ')}`)
}

/** RFC 9110 §13.1.1, the one form that names a revision of ours. */
function revisionOf(header: string | undefined): number | undefined {
  if (header === undefined || header === '*') return undefined
  const [, revision] = /^"(\d{1,9})"$/.exec(header) ?? []
  if (revision === undefined) throw new Problem(412, 'revision', 'If-Match is not an ETag of ours')
  return Number(revision)
}

function problemOf(error: Error, { refusedBy, log }: ShellOptions): Problem {
  if (error instanceof Problem) return error
  const refused = refusedBy(error)
  if (refused) return new Problem(refused.status, refused.reason, refused.message, { faults: refused.faults })
  log.error('http-failed', {}, error)
  return new Problem(500, 'internal', 'Something went wrong here: look whether it was done before you ask again')
}
