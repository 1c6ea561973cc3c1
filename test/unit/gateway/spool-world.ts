import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, type Migration, openDatabase, silent } from '../../../config/index.ts'
import { type Hidden, openHidden } from '../../../gateway/patients/index.ts'
import { openReportWriter } from '../../../gateway/report-writer.ts'
import { openSettlement } from '../../../gateway/settlement.ts'
import {
  type Envelope,
  type EventRow,
  type Housekeeping,
  type Leg,
  type Outcome,
  openBytes,
  openHousekeeping,
  openSpool,
  type Prepared,
  type RecipientRow,
  type Retry,
  type Spool,
  spoolMigrations,
} from '../../../gateway/spool/index.ts'
import { newVault } from '../../support/vault.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** What a peer that took it says. */
export const RELAYED: Outcome = {
  kind: 'relayed',
  sha256: '0'.repeat(64),
  peer: 'CN=b',
  host: 'b',
  tls: 'TLSv1.3',
  reply: '250 2.0.0 OK',
  reports: true,
  protection: { protection: 'none' },
}
export const SENDER = 'dr.fictif@a.mssante.test'

/** The schedule that a configuration has when it says nothing. */
export const RETRY: Retry = {
  schedule: [1, 2, 5, 10, 20, 40, 60, 120, 240].map(minutes => minutes * MINUTE),
  warnAfter: 4 * HOUR,
  giveUpAfter: 5 * DAY,
  overdueAfter: DAY,
}

/** A spool on a real disk under a clock that stands still until it is moved; `as` is another process over the same rows. */
export interface SpoolWorld extends AsyncDisposable {
  now: number
  db: Database
  spool: Spool
  housekeeping: Housekeeping
  /** @param hidden how that process's rows hold patients' addresses */
  as(owner: string, hidden?: Hidden): Spool
  hidden: Hidden
  /** of the rows */
  file: string
  settlementOf(spool: Spool): ReturnType<typeof openSettlement>
  /** Accepts a short letter. @returns its id */
  accept(envelope?: Partial<Envelope>, options?: { claimed?: boolean; toFile?: boolean; by?: Spool }): Promise<Prepared>
  recipient(id: string, position?: number): Promise<RecipientRow>
  events(id: string): Promise<EventRow[]>
  /** Reports that were accepted about a message: subject lines of their French part are in the bytes. */
  reports(id: string): Promise<{ id: string; text: string }[]>
}

/** @param more migrations of other rooms whose rows lie beside the spool's */
export async function openSpoolWorld(more: readonly Migration[] = []): Promise<SpoolWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-spool-'))
  const file = join(folder, 'pli.sqlite')
  const db = await openDatabase({ file, migrations: [...spoolMigrations, ...more] })
  const bytes = await openBytes(join(folder, 'messages'), newVault())
  const hidden = openHidden(randomBytes(32), 'patient.mssante.fr')
  const now = () => world.now
  let count = 0
  const newId = () => `m${String(++count).padStart(4, '0')}`
  const as = (owner: string, how = hidden) => openSpool({ db, bytes, hidden: how, owner, now, newId })
  const spool = as('here')
  const world: SpoolWorld = {
    now: Date.UTC(2026, 0, 5),
    db,
    spool,
    hidden,
    file,
    housekeeping: openHousekeeping({ db, bytes, hidden, now }),
    as,
    settlementOf: chosen =>
      openSettlement({
        spool: chosen,
        reports: openReportWriter({ spool: chosen, hostname: 'smtp.a.mssante.test', postmaster: 'postmaster@a.mssante.test', now, newId }),
        retry: RETRY,
        now,
        random: () => 0,
        log: silent,
        onReport: () => {},
      }),
    async accept(envelope = {}, { claimed = false, toFile = false, by = spool } = {}) {
      const draft = by.newDraft()
      await draft.write(Buffer.from(`From: <${SENDER}>\r\nMessage-ID: <${draft.id}@a.mssante.test>\r\n\r\nBonjour\r\n`))
      const prepared = await by.prepare(
        draft,
        {
          origin: 'submission',
          sender: SENDER,
          box: SENDER,
          eightBit: false,
          utf8: false,
          size: draft.size,
          sha256: '',
          recipients: [{ address: 'dr.autre@b.mssante.test', domain: 'b.mssante.test' }],
          ...envelope,
        },
        claimed,
        toFile,
      )
      await by.accept(prepared)
      return prepared
    },
    recipient: async (id, position = 0) => {
      const [row] = await db.run<RecipientRow>({
        sql: 'SELECT * FROM recipient WHERE message_id = ? AND position = ?',
        parameters: [id, position],
      })
      return row!
    },
    events: id => db.run<EventRow>({ sql: 'SELECT * FROM event WHERE message_id = ? ORDER BY at, seq', parameters: [id] }),
    reports: async id => {
      const rows = await db.run<{ id: string }>({ sql: 'SELECT id FROM message WHERE about = ? ORDER BY accepted_at', parameters: [id] })
      return Promise.all(rows.map(async row => ({ id: row.id, text: (await spool.read(row.id)).toString('latin1') })))
    },
    async [Symbol.asyncDispose]() {
      await db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return world
}

/** The only recipient of a claimed message. */
export function only(legs: readonly Leg[]): Leg {
  if (legs.length !== 1) throw new Error(`${legs.length} recipients`)
  return legs[0]!
}
