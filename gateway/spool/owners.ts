import { hostname } from 'node:os'
import type { Database } from '../../config/index.ts'
import { spool as sql } from './schema.ts'

/** A process that has not been seen for so long is taken for dead; on our own host only when its number may have gone to another program. */
const SILENCE = 60_000
const SILENCE_HERE = 30 * 60_000

interface OwnersOptions {
  db: Database
  id: string
  now(): number
  /** @returns the master key that this process seals with; absent where it seals nothing */
  sealsUnder?: () => string
  pid?: number
}

/** Every process that claims rows says regularly that it lives; what a dead one held is free again. */
export function openOwners({ db, id, now, sealsUnder, pid = process.pid }: OwnersOptions) {
  const host = hostname()

  /** On this host the process table knows at once (our own number under another id: it was ours before); elsewhere only silence tells. */
  const isDead = (owner: { host: string; pid: number; seen_at: number }) =>
    owner.host === host
      ? owner.pid === pid || !isRunning(owner.pid) || now() - owner.seen_at > SILENCE_HERE
      : now() - owner.seen_at > SILENCE

  return {
    async beat(): Promise<void> {
      const seen = { id, host, pid, seen_at: now(), seals_under: sealsUnder?.() ?? null }
      await db.run(
        sql
          .insertInto('owner')
          .values(seen)
          .onConflict(conflict => conflict.column('id').doUpdateSet({ seen_at: seen.seen_at, seals_under: seen.seals_under })),
      )
    },

    /** @returns ids of processes that hold nothing any more: the caller releases their claims, then calls `forget` */
    async dead(): Promise<string[]> {
      const owners = await db.run(sql.selectFrom('owner').selectAll().where('id', '!=', id))
      return owners.filter(isDead).map(owner => owner.id)
    },

    /** @returns how many processes that run have last said that they seal with a key, as their beats tell */
    async sealingUnder(key: string): Promise<number> {
      const owners = await db.run(sql.selectFrom('owner').selectAll().where('id', '!=', id).where('seals_under', '=', key))
      return owners.filter(owner => !isDead(owner)).length
    },

    /** @returns whether a process that claims rows still runs */
    async isAlive(owner: string): Promise<boolean> {
      const [row] = await db.run(sql.selectFrom('owner').selectAll().where('id', '=', owner))
      return row !== undefined && !isDead(row)
    },

    /** A process that ends in order takes its claims back itself. */
    async leave(): Promise<void> {
      await this.releaseRecipients([id])
      await this.forget([id])
    },

    /** Gives back what dead processes held. @returns how many recipients are due again */
    async releaseRecipients(dead: readonly string[]): Promise<number> {
      if (dead.length === 0) return 0
      const released = await db.run(
        sql
          .updateTable('recipient')
          .set(({ eb }) => ({ relay: 'queued', claimed_by: null, due_at: now(), attempts: eb('attempts', '+', 1) })) // it may have been tried
          .where('relay', '=', 'sending')
          .where('claimed_by', 'in', [...dead])
          .returning('position'),
      )
      return released.length
    },

    async forget(dead: readonly string[]): Promise<void> {
      if (dead.length > 0) await db.run(sql.deleteFrom('owner').where('id', 'in', [...dead]))
    },
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
