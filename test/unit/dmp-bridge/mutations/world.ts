import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../../../config/database/index.ts'
import { clientTls, createIdentity, loadAnchors } from '../../../../crypto/index.ts'
import { bridgeLog } from '../../../../dmp-bridge/bridge-log.ts'
import { DEFAULT_LIMITS } from '../../../../dmp-bridge/caps.ts'
import type { Sender } from '../../../../dmp-bridge/decide.ts'
import type { Dmp } from '../../../../dmp-bridge/dmp.ts'
import { dmpClient } from '../../../../dmp-bridge/dmp-client.ts'
import { bridgeMigrations } from '../../../../dmp-bridge/filing-tables.ts'
import { type Bridge, type BridgeOptions, createBridge } from '../../../../dmp-bridge/main.ts'
import { letPass } from '../../../support/let-pass.ts'
import { sharedRecogniser } from '../../../support/shared-recogniser.ts'
import { openSilence } from '../../../support/silence.ts'
import { type DmpSimulator, type DmpSimulatorOptions, type KnownPatient, startDmpSimulator } from '../../../world/dmp-simulator/index.ts'
import { type FictionalPatient, sampleAuthor } from '../../../world/letter.ts'
import { createPki } from '../../../world/pki.ts'
import { policy, sender } from '../bridge-world.ts'
import { signersOf, software } from '../dmp-world.ts'

const DAY = 86_400_000

export interface Note {
  message: string
  kind: string
  detail: Record<string, string>
}

export interface WorldOptions {
  patients: DmpSimulatorOptions['patients']
  policy?: BridgeOptions['policy']
  /** of one exchange, in real milliseconds: a DMP that stays silent costs that much */
  timing?: BridgeOptions['timing']
  simulator?: Partial<DmpSimulatorOptions>
}

/** The real worker and client against the strict simulator on a real socket; a clock that stands still until it is moved. */
export interface ProofWorld extends AsyncDisposable {
  now: number
  dmp: DmpSimulator
  db: Database
  bridge: Bridge
  mails: Map<string, Buffer>
  released: string[]
  notes: Note[]
  logs: string[]
  /** another process over the same rows, on a connection of its own. @param change of its access to the DMP */
  open(change?: (dmp: Dmp) => Dmp): Promise<{ bridge: Bridge; owner: string }>
  /** who is dead: what they have claimed is anybody's */
  dead: Set<string>
  accept(id: string, eml: Buffer, who?: Partial<Sender>): Promise<void>
  /** moves the clock, doing on the way what falls due */
  pass(milliseconds: number): Promise<void>
  /** `state reasons…` of a message's filings, in the order of their places */
  of(messageId: string): Promise<string[]>
}

export function known(patient: FictionalPatient, status: KnownPatient['status'] = 'ACTIF'): KnownPatient {
  const { insOid: oid, birthName, firstName, birthDate, sex } = patient
  return { ins: patient.ins ?? '', oid, status, birthName, firstName, birthDate, sex }
}

export async function startProofWorld(options: WorldOptions): Promise<ProofWorld> {
  const start = new Date(Math.floor(Date.now() / 1000) * 1000)
  const folder = mkdtempSync(join(tmpdir(), 'pli-proof-'))
  const silence = openSilence()
  const pki = await createPki({ now: start })
  const lists = { nextUpdate: new Date(start.getTime() + 60 * DAY) }
  const issue = (kind: 'server' | 'client' | 'signature') =>
    pki.issue({ kind, commonName: 'localhost', organization: sampleAuthor.structure.name, structure: policy.structure })
  const [server, client, signature] = await Promise.all([issue('server'), issue('client'), issue('signature')])
  const identityOf = (issued: { certificatePem: string; keyPem: string }) =>
    createIdentity({ certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem })
  const dmp = await startDmpSimulator({
    tls: { ...server, chainPem: pki.authorities.slice(1), anchors: pki.authorities, crls: pki.crls(lists) },
    now: () => world.now,
    patients: options.patients,
    requireHomologation: software.homologation,
    onSilence: silence.onSilence,
    ...options.simulator,
  })
  const tls = clientTls({ identity: identityOf(client), anchors: loadAnchors(await pki.write(folder, lists)), identifiedBy: 'name' })
  const signers = signersOf(identityOf(signature))
  const opened: { bridge: Bridge; db: Database }[] = []

  const open: ProofWorld['open'] = async (change = each => each) => {
    const owner = `owner-${opened.length + 1}`
    const db = await openDatabase({ file: join(folder, 'pli.sqlite'), migrations: bridgeMigrations })
    const access = dmpClient({ baseUrl: dmp.url, tls: () => tls, software, signers, timeoutMs: 60_000, expires: silence.expires })
    const bridge = createBridge({
      ...{ db, owner, newId: randomUUID, limits: DEFAULT_LIMITS, patientKey: Buffer.alloc(32, 1), policy: options.policy ?? policy },
      dmp: change(access),
      recogniser: sharedRecogniser(),
      mail: {
        read: async id => world.mails.get(id) ?? Promise.reject(new Error('no such mail')),
        release: async id => void world.released.push(id),
        note: async (message, kind, detail) => void world.notes.push({ message, kind, detail }),
      },
      isAlive: other => !world.dead.has(other),
      clock: { now: () => world.now },
      log: bridgeLog((_level, event, fields) => void world.logs.push(`${event} ${JSON.stringify(fields)}`)),
      ...(options.timing ? { timing: options.timing } : {}),
    })
    opened.push({ bridge, db })
    return { bridge, owner }
  }

  const world: ProofWorld = {
    now: start.getTime(),
    dmp,
    db: undefined as never,
    bridge: undefined as never,
    ...{ mails: new Map(), released: [], notes: [], logs: [], dead: new Set<string>(), open },
    accept: async (id, eml, who = {}) => {
      world.mails.set(id, eml)
      await world.db.atomically(world.bridge.rowsFor({ id, sender: { ...sender, ...who }, acceptedAt: world.now }))
    },
    pass: milliseconds => letPass(world, world.bridge, milliseconds),
    of: async messageId => {
      const filings = await world.bridge.orders.list({ messageId })
      return filings.toSorted((a, b) => a.place - b.place).map(({ state, reasons }) => [state, ...reasons].join(' '))
    },
    [Symbol.asyncDispose]: async () => {
      for (const { bridge } of opened) await bridge.stop()
      await dmp.close()
      for (const { db } of opened) await db.close()
      rmSync(folder, { recursive: true })
    },
  }
  world.bridge = (await open()).bridge
  world.db = opened[0]!.db
  return world
}
