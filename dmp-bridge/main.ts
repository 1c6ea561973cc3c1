import type { Compilable, Database } from '../config/database/index.ts'
import { type Bell, processBell } from './bell.ts'
import { Breaker } from './breaker.ts'
import type { BridgeLog } from './bridge-log.ts'
import type { Limits } from './caps.ts'
import type { DmpState } from './console/figures-page.tsx'
import { openSummaries, type Summaries } from './console/summary.ts'
import type { Sender } from './decide.ts'
import type { Dmp } from './dmp.ts'
import { inboxRow, openFilings } from './filings/index.ts'
import { openOppositions } from './oppositions.ts'
import { type Orders, openOrders } from './orders.ts'
import { openPace } from './pace.ts'
import { openPatients } from './patients.ts'
import type { BridgePolicy } from './reader.ts'
import { openRecogniser, type Recogniser } from './recogniser.ts'
import { TIMING, type Timing } from './timing.ts'
import { BridgeWorker } from './worker.ts'
import { openDescriptions } from './wrap/descriptions.ts'

/** Where the accepted messages are. The bridge never changes one; it says when it needs one no longer. */
export interface MailSource {
  /** @returns the message as it was accepted, in clear */
  read(messageId: string): Promise<Uint8Array>
  /** Every document of the message is settled: its bytes need not be kept for the bridge. May be called twice. */
  release(messageId: string): Promise<void>
  /**
   * One line of the message's ledger: ids and codes only. `kind` is the filing's state (pending, held, ignored, filed, refused, deleting, deleted) or
   * `filing-part-ignored`, or it is `mss-headers`. After a crash a line may come twice.
   */
  note(messageId: string, kind: string, detail: Record<string, string>): Promise<void>
  /**
   * The filings of the message may have moved; look at them. Called until it succeeds: after a crash, and when nothing has moved, once more than needed.
   */
  moved?(messageId: string): Promise<void>
}

export interface BridgeOptions {
  db: Database
  mail: MailSource
  /** names this process in the claims */
  owner: string
  isAlive(owner: string): boolean | Promise<boolean>
  /** Whether a box still declares that its patients are informed (decision 7); without it, what it declared when it sent counts. */
  isDeclared?(address: string): Promise<boolean>
  /** the bridge's from now on: `stop` closes it. undefined: no DMP is configured, so what could be filed is held */
  dmp: Dmp | undefined
  policy: BridgePolicy
  limits: Limits
  clock: { now(): number }
  newId(): string
  log: BridgeLog
  /** key of the hash under which a patient's DMP status is remembered in the database, and of what an order to delete seals; without it
   * the memory is the process's, and no order can name a patient */
  patientKey?: Buffer
  /** closed by `stop`; the bell of one process without it */
  bell?: Bell
  timing?: Partial<Timing>
  /** one that several bridges share, and that none of them closes; else the bridge opens its own */
  recogniser?: Recogniser
}

export interface Bridge {
  /** The rows to write in the transaction that accepts a message; ring when it has committed. */
  rowsFor(message: { id: string; sender: Sender; acceptedAt: number }): Compilable[]
  ring(): void
  start(): void
  /** Starts nothing more, waits for what is in hand. The rows keep the rest. */
  stop(): Promise<void>
  /** Does all that is due at this instant of the clock. @returns when something will be due again, if anything waits */
  drain(): Promise<number | undefined>
  readonly orders: Orders
  /** what a document says of itself, read when it is asked for */
  readonly summaries: Summaries
  /** how this process finds the DMP */
  dmpState(): DmpState
}

/** A message that takes longer to be read is held. */
const READING_MS = 30_000

/** Wires the bridge: rows, threads that read, the pace and breaker of one DMP, the worker. Starts nothing. */
export function createBridge(options: BridgeOptions): Bridge {
  const { db, mail, dmp, policy, log, newId } = options
  const timing = { ...TIMING, ...options.timing }
  const now = () => options.clock.now()
  const bell = options.bell ?? processBell()
  const own = options.recogniser
    ? undefined
    : openRecogniser({
        threads: timing.readers,
        limits: options.limits,
        timeoutMs: READING_MS,
        ansFiles: policy.ansFiles,
      })
  const recogniser = own ?? options.recogniser!
  const descriptions = openDescriptions(db, { secret: options.patientKey })
  const breaker = new Breaker({ after: timing.breakerAfter, probeMs: timing.probeMs })
  const worker = new BridgeWorker({
    filings: openFilings(db, { owner: options.owner, now, leaseMs: timing.leaseMs }),
    patients: openPatients(db, { secret: options.patientKey, now, timing }),
    oppositions: openOppositions(db, { secret: options.patientKey, now }),
    secret: options.patientKey,
    pace: openPace(db, { structure: policy.structure, perSecond: timing.submissionsPerSecond, now }),
    breaker,
    recognise: (eml, options) => recogniser.message(eml, options),
    recogniseFile: (name, bytes) => recogniser.file(name, bytes),
    descriptions,
    read: id => mail.read(id),
    release: id => mail.release(id),
    note: (id, kind, detail) => mail.note(id, kind, detail),
    moved: async id => mail.moved?.(id),
    isAlive: owner => options.isAlive(owner),
    isDeclared: async address => options.isDeclared?.(address) ?? true,
    ...{ dmp, policy, timing, bell, log, now, newId },
  })
  return {
    rowsFor: message => [inboxRow(message)],
    ring: () => bell.ring(),
    start: () => worker.start(),
    stop: async () => {
      await worker.stop()
      await Promise.all([own?.close(), dmp?.close(), bell.close()])
    },
    drain: () => worker.drain(),
    orders: openOrders(db, { now, descriptions, secret: options.patientKey }),
    dmpState: () => ({ isConfigured: dmp !== undefined, isOpen: breaker.isOpen, nextAt: breaker.nextAt(now()) }),
    summaries: openSummaries({ read: id => mail.read(id), recognise: eml => recogniser.message(eml, { candidates: true }) }),
  }
}
