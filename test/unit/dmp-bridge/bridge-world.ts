import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, type Migration, openDatabase } from '../../../config/database/index.ts'
import { bridgeLog } from '../../../dmp-bridge/bridge-log.ts'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import type { Sender } from '../../../dmp-bridge/decide.ts'
import type { Dmp } from '../../../dmp-bridge/dmp.ts'
import { openTransport } from '../../../dmp-bridge/dmp-transport.ts'
import { bridgeMigrations } from '../../../dmp-bridge/filing-tables.ts'
import { type Bridge, type BridgeOptions, createBridge } from '../../../dmp-bridge/main.ts'
import { judge, judgeFailure } from '../../../dmp-bridge/outcome.ts'
import { registryAnswer } from '../../../dmp-bridge/soap.ts'
import type { SubmissionRequest } from '../../../dmp-bridge/submission.ts'
import { letPass } from '../../support/let-pass.ts'
import { sharedRecogniser } from '../../support/shared-recogniser.ts'
import { buildCda, buildLetter, buildMail, sampleAuthor, samplePatient, TEST_INS_OID } from '../../world/letter.ts'
import { startTinyDmp, type TinyDmp } from './tiny-dmp.ts'

export const policy: BridgeOptions['policy'] = {
  insOids: [TEST_INS_OID],
  maxDocumentBytes: 5_000_000,
  structure: sampleAuthor.structure.id,
  structureName: sampleAuthor.structure.name,
  sector: 'SA07',
  responsible: { idNatPs: `8${sampleAuthor.rpps}`, name: 'FICTIF Éloi' },
  delayMs: 60_000,
}

export const sender: Sender = {
  address: 'dr.fictif@a.mssante.test',
  idNatPs: `8${sampleAuthor.rpps}`,
  structures: [sampleAuthor.structure.id],
  declared: true,
}

/** Another adapter behind the neutral interface: the same transport and error table, a body that the smallest server understands. */
export function plainDmp(dmp: TinyDmp, timeoutMs = 2000): Dmp {
  const transport = openTransport({ baseUrl: dmp.url, tls: () => dmp.tls, timeoutMs })
  const answerOf = async (path: string, body = '') => {
    const exchange = await transport.post(path, { contentType: 'application/soap+xml', body: Buffer.from(body) })
    return exchange.kind === 'body' ? registryAnswer(exchange.content) : exchange
  }
  const documents = (uniqueIds: readonly string[]) => uniqueIds.map(id => `<document uniqueId="${id}"/>`).join('')
  return {
    prepare: documents =>
      ({
        contentType: '',
        soapAction: '',
        body: Buffer.alloc(0),
        submissionSetUniqueId: '',
        uniqueIds: documents.map(({ cda }) => cda?.uniqueId ?? ''),
      }) satisfies SubmissionRequest,
    file: async request => judge(await answerOf('/repository', documents(request.uniqueIds))),
    delete: async ({ entryUuid }) => {
      const answer = await answerOf('/registry', `<delete uniqueId="${entryUuid}"/>`)
      return answer.kind === 'accepted' ? { kind: 'deleted' } : judgeFailure(answer)
    },
    exists: async () => {
      const answer = await answerOf('/patients')
      return answer.kind === 'accepted' ? { kind: 'status', status: 'active', traits: sampleTraits } : answerToStatus(answer)
    },
    findByUniqueId: async uniqueId => {
      const answer = await answerOf('/registry')
      if (answer.kind !== 'accepted') return judgeFailure(answer)
      return dmp.filed.includes(uniqueId) ? { kind: 'found', entryUuid: uniqueId } : { kind: 'absent' }
    },
    close: () => transport.close(),
  }
}

const sampleTraits = { birthName: 'TESTOU', firstName: 'HÉLOÏSE', birthDate: '19840309', sex: 'F' }

function answerToStatus(answer: Parameters<typeof judgeFailure>[0]): Awaited<ReturnType<Dmp['exists']>> {
  if (answer.kind === 'errors' && answer.codes.includes('closed')) return { kind: 'status', status: 'closed', traits: {} }
  return judgeFailure(answer)
}

/** A bridge on a real database and real sockets, whose clock stands still until it is moved. */
export interface BridgeWorld {
  now: number
  db: Database
  dmp: TinyDmp
  bridge: Bridge
  mails: Map<string, Buffer>
  released: string[]
  notes: { message: string; kind: string; detail: Record<string, string> }[]
  logs: string[]
  /** a letter with one document, accepted as message `id` */
  send(id: string, options?: { uniqueId?: string; sender?: Partial<Sender>; eml?: Buffer; cda?: object }): Promise<string>
  /** a message with these documents, each a file of its own */
  sendSet(id: string, uniqueIds: readonly string[], cda?: (uniqueId: string) => object): Promise<void>
  /** moves the clock and does what is due, in steps of the worker's own choice */
  pass(milliseconds: number): Promise<void>
  /** as after a crash: another process over the same rows */
  restart(options?: Partial<BridgeOptions>): Promise<void>
  states(): Promise<string[]>
  [Symbol.asyncDispose](): Promise<void>
}

export async function startBridgeWorld(
  options: Partial<BridgeOptions> & { withoutDmp?: boolean; migrations?: Migration[] } = {},
): Promise<BridgeWorld> {
  const dmp = await startTinyDmp()
  const folder = mkdtempSync(join(tmpdir(), 'pli-bridge-'))
  const file = join(folder, 'pli.sqlite')
  const db = await openDatabase({ file, migrations: options.migrations ?? bridgeMigrations })
  let owners = 0

  const create = (more: Partial<BridgeOptions>) =>
    createBridge({
      db,
      mail: {
        read: async id => world.mails.get(id) ?? Promise.reject(new Error('no such mail')),
        release: async id => void world.released.push(id),
        note: async (message, kind, detail) => void world.notes.push({ message, kind, detail }),
      },
      owner: `owner-${++owners}`,
      isAlive: owner => owner === `owner-${owners}`,
      dmp: options.withoutDmp ? undefined : plainDmp(dmp),
      policy,
      limits: DEFAULT_LIMITS,
      recogniser: sharedRecogniser(),
      clock: { now: () => world.now },
      newId: randomUUID,
      log: bridgeLog((_level, event, fields) => void world.logs.push(`${event} ${JSON.stringify(fields)}`)),
      ...options,
      ...more,
    })

  const world: BridgeWorld = {
    now: Date.UTC(2026, 0, 5, 9, 30),
    db,
    dmp,
    bridge: undefined as never,
    mails: new Map(),
    released: [],
    notes: [],
    logs: [],
    send: async (id, letter = {}) => {
      const built = await buildLetter({
        from: 'Dr Éloi FICTIF <dr.fictif@a.mssante.test>',
        to: 'dr.autre@b.mssante.test',
        author: sampleAuthor,
        patient: samplePatient,
        now: new Date(world.now),
        newId: randomUUID,
        cda: { ...letter.cda, ...(letter.uniqueId === undefined ? {} : { uniqueId: letter.uniqueId }) },
      })
      world.mails.set(id, letter.eml ?? built.eml)
      await db.atomically(world.bridge.rowsFor({ id, sender: { ...sender, ...letter.sender }, acceptedAt: world.now }))
      return built.uniqueId
    },
    sendSet: async (id, uniqueIds, cda = () => ({})) => {
      const basis = { author: sampleAuthor, patient: samplePatient, now: new Date(world.now) }
      const content = { mediaType: 'text/plain', content: Buffer.from('Bonjour') } as const
      const parts = uniqueIds.map(uniqueId => ({
        type: 'application/xml',
        filename: `${uniqueId}.xml`,
        content: buildCda({ ...basis, body: content, uniqueId, ...cda(uniqueId) }),
      }))
      const eml = buildMail({
        from: sender.address,
        to: 'dr.autre@b.mssante.test',
        subject: 'Documents',
        date: new Date(world.now),
        messageId: `${id}@a.mssante.test`,
        headers: {},
        parts: [{ type: 'text/plain; charset=utf-8', content: 'Bonjour' }, ...parts],
      })
      world.mails.set(id, eml)
      await db.atomically(world.bridge.rowsFor({ id, sender, acceptedAt: world.now }))
    },
    pass: milliseconds => letPass(world, world.bridge, milliseconds),
    restart: async (more = {}) => {
      await world.bridge.stop()
      world.bridge = create(more)
    },
    states: async () =>
      (await world.bridge.orders.list()).map(each => `${each.state}${each.reasons.map(reason => ` ${reason}`).join('')}`).sort(),
    [Symbol.asyncDispose]: async () => {
      await world.bridge.stop()
      await dmp.down()
      await db.close()
      rmSync(folder, { recursive: true })
    },
  }
  world.bridge = create({})
  return world
}
