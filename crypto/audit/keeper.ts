import { type Database, required } from '../../config/index.ts'
import type { Identity } from '../identity.ts'
import { type AuditFault, toOf, walkChain } from './chain.ts'
import {
  type Checkpoint,
  type CheckpointTrust,
  checkpointLine,
  digestOf,
  NO_CHECKPOINT,
  openCheckpoint,
  signCheckpoint,
} from './checkpoint.ts'
import type { Audit } from './log.ts'
import { type AuditRow, build, type CheckpointRow, LOG, PRUNE, rowOf, START } from './rows.ts'
import { rowsOf } from './verify.ts'

export interface AuditKeeperOptions {
  db: Database
  audit: Audit
  /** Host name, in each checkpoint. */
  operator: string
  /** Lines, and milliseconds, after which the log is signed. */
  every: number
  interval: number
  /** Milliseconds. */
  keepFor: number
  now(): number
}

export interface Unfiled {
  number: number
  text: string
  isStamped: boolean
}

/** What keeps the log as it should be: signed, and no longer than it may be. Several processes may do it at once. */
export interface AuditKeeper {
  /**
   * Signs the log up to its last line, when it is time to.
   * @param options.anyhow at a clean stop: as soon as anything is behind the last checkpoint
   * @returns the checkpoint; undefined when it was not time, or another process was faster
   * @throws Error when the line that the last checkpoint signed is not there any more, or the certificate has ended: then nothing is signed
   */
  sign(identity: Identity, options?: { anyhow?: boolean }): Promise<Checkpoint | undefined>
  /** @returns checkpoints that are not in the file yet, or not with their time stamps, in order, as its lines */
  unfiled(): Promise<Unfiled[]>
  /** They are in the file, and the disk has it. */
  filed(lines: readonly Unfiled[]): Promise<void>
  /**
   * Says in a line which old lines will be removed, once a day at most. Only when they are whole, and a checkpoint ends them, by the time that was signed.
   * @returns the last of them; undefined when there is nothing to remove
   * @throws Error naming what is wrong with them: evidence is not removed
   */
  announce(trust: CheckpointTrust): Promise<number | undefined>
  /**
   * Removes lines that were announced, up to the next checkpoint: the log begins there then. Only when a checkpoint has signed the announcement.
   * @returns the line at which the log begins now; undefined when there is nothing more to remove
   */
  prune(trust: CheckpointTrust): Promise<number | undefined>
}

const DAY = 86_400_000

/** What signs the log and removes its oldest lines (schema: auditMigrations). */
export function openAuditKeeper({ db, audit, operator, every, interval, keepFor, now }: AuditKeeperOptions): AuditKeeper {
  const checkpoints = build.selectFrom('audit_checkpoint').selectAll()

  async function lineAt(line: number): Promise<AuditRow | undefined> {
    const [row] = await db.run(build.selectFrom('audit').selectAll().where('line', '=', line))
    return row && rowOf(row)
  }

  async function first(): Promise<AuditRow> {
    const [row] = await db.run(build.selectFrom('audit').selectAll().orderBy('line').limit(1))
    if (!row) throw new Error('the beginning of the audit log is missing')
    return rowOf(row)
  }

  async function lastCheckpoint(): Promise<CheckpointRow | undefined> {
    const [row] = await db.run(checkpoints.orderBy('number', 'desc').limit(1))
    return row && { ...row, number: Number(row.number), line: Number(row.line), at: Number(row.at) }
  }

  /** Checkpoints behind the first line, oldest first, as their signed text says. */
  async function openNext(begin: number, trust: CheckpointTrust): Promise<Checkpoint | undefined> {
    const [row] = await db.run(checkpoints.where('line', '>', begin).orderBy('number').limit(1))
    return row && openCheckpoint(Buffer.from(row.cms, 'base64'), trust)
  }

  async function sign(identity: Identity, { anyhow = false } = {}): Promise<Checkpoint | undefined> {
    const [last, head] = [await lastCheckpoint(), await audit.head()]
    if (last) await checkStillThere(last)
    const behind = head.line - (last?.line ?? 0)
    const isTime = !last || behind >= every || Math.abs(now() - last.at) >= interval // a clock may have been set back
    if (behind <= 0 || !(anyhow || isTime)) return undefined
    const previous = last ? digestOf(Buffer.from(last.cms, 'base64')) : NO_CHECKPOINT
    const checkpoint = { number: (last?.number ?? 0) + 1, line: head.line, hash: head.hash, at: now(), operator, previous }
    const { number, line, at } = checkpoint
    const row = { number, line, at, cms: signCheckpoint(checkpoint, identity).toString('base64'), filed: 0, stamp: null }
    const insert = build.insertInto('audit_checkpoint').values(row)
    const inserted = await db.run(insert.onConflict(conflict => conflict.column('number').doNothing()).returning('number'))
    return inserted.length > 0 ? checkpoint : undefined
  }

  /** To sign on behind a log that was cut or written anew would hide it from whoever looks at the last checkpoint only. */
  async function checkStillThere({ number, line, cms }: CheckpointRow): Promise<void> {
    const row = await lineAt(line)
    if (!row || !Buffer.from(cms, 'base64').includes(`\nhash: ${row.hash}\n`))
      throw new Error(`line ${line} of the audit log is not the one that checkpoint ${number} signed: nothing more is signed`)
  }

  /** @returns the newest checkpoint behind `begin` that is old enough; the oldest is looked at first, so nothing is read on most days */
  async function newestExpired(begin: number, trust: CheckpointTrust): Promise<Checkpoint | undefined> {
    const oldest = await openNext(begin, trust)
    if (!oldest || oldest.at > now() - keepFor - DAY) return undefined
    const expired = checkpoints.where('line', '>', begin).where('at', '<=', now() - keepFor)
    const [row] = await db.run(expired.orderBy('number', 'desc').limit(1))
    const opened = row && (await openCheckpoint(Buffer.from(row.cms, 'base64'), trust))
    return opened && opened.at <= now() - keepFor ? opened : undefined
  }

  /** @returns up to which line the newest announcement goes that a checkpoint has signed; `pending` when one waits for its checkpoint */
  async function announced(): Promise<{ to: number; pending: boolean }> {
    const lines = build.selectFrom('audit').selectAll().where('object', '=', LOG).where('action', '=', PRUNE)
    const [row] = await db.run(lines.orderBy('line', 'desc').limit(1))
    if (!row) return { to: 0, pending: false }
    return { to: toOf(row.detail), pending: ((await lastCheckpoint())?.line ?? 0) < Number(row.line) }
  }

  async function announce(trust: CheckpointTrust): Promise<number | undefined> {
    const begin = await first()
    const already = await announced()
    if (already.pending || already.to > begin.line) return undefined
    const expired = await newestExpired(begin.line, trust)
    if (!expired) return undefined
    const { fault } = await walkChain(upTo(expired.line), { marks: [expired] })
    if (fault) throw new Error(`old lines of the audit log are not removed: ${wordsOf(fault)}`)
    const { number, line, hash } = expired
    const detail = { to: String(line), hash, checkpoint: String(number), keepFor: `${Math.round(keepFor / DAY)}d` }
    await audit.append({ by: 'gateway', action: PRUNE, object: LOG, detail })
    return line
  }

  async function* upTo(line: number): AsyncGenerator<AuditRow> {
    for await (const row of rowsOf(db).rows()) {
      if (row.line > line) return
      yield row
    }
  }

  async function prune(trust: CheckpointTrust): Promise<number | undefined> {
    const [begin, { to, pending }] = [await first(), await announced()]
    if (pending || to <= begin.line) return undefined
    const next = await openNext(begin.line, trust)
    // Never on the word of a row: what was signed says how old it is.
    if (!next || next.line > to || next.at > now() - keepFor) return undefined
    const { number, line, hash } = next
    const beginning = build.updateTable('audit').set(START).where('line', '=', line).where('hash', '=', hash).returning('line')
    await db.atomically([
      required(beginning),
      build.deleteFrom('audit').where('line', '<', line),
      build.deleteFrom('audit_checkpoint').where('number', '<', number),
    ])
    return line
  }

  return {
    sign,
    announce,
    prune,
    async unfiled() {
      const rows = await db.run(checkpoints.where('filed', '=', 0).orderBy('number'))
      return rows.map(({ cms, stamp, ...row }) => {
        const [number, line] = [Number(row.number), Number(row.line)]
        return { number, text: checkpointLine({ number, line, cms, stamp: stamp ?? undefined }), isStamped: stamp !== null }
      })
    },
    async filed(lines) {
      const done = build.updateTable('audit_checkpoint').set({ filed: 1 })
      const numbers = (isStamped: boolean) => lines.filter(line => line.isStamped === isStamped).map(({ number }) => number)
      const [stamped, bare] = [numbers(true), numbers(false)]
      if (stamped.length > 0) await db.run(done.where('number', 'in', stamped))
      // A stamp that came meanwhile is still to be filed.
      if (bare.length > 0) await db.run(done.where('number', 'in', bare).where('stamp', 'is', null))
    },
  }
}

/** @returns a fault as one sentence */
export function wordsOf({ line, checkpoint, why }: AuditFault): string {
  if (line !== undefined) return `line ${line} of the audit log: ${why}`
  return checkpoint === undefined ? why : `checkpoint ${checkpoint} of the audit log: ${why}`
}
