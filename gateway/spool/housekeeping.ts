import { chunks, type Leg, withMessages } from './rows.ts'
import { spool as sql } from './schema.ts'
import type { SpoolOptions } from './spool.ts'

export type Housekeeping = ReturnType<typeof openHousekeeping>

/** What is looked for from time to time: receipts that have not come, bytes that nobody needs. */
export function openHousekeeping({ db, bytes, hidden, now }: Pick<SpoolOptions, 'db' | 'bytes' | 'hidden' | 'now'>) {
  return {
    /** @returns recipients relayed whose receipt has not come in time, with their message */
    async overdue(most: number): Promise<Leg[]> {
      const rows = await db.run(
        sql
          .selectFrom('recipient')
          .selectAll()
          .where('receipt', '=', 'awaited')
          .where('relay', '=', 'sent')
          .where('receipt_due_at', '<=', now())
          .limit(most),
      )
      return withMessages(db, rows, hidden.show)
    },

    /** Removes the bytes of messages that are done (S4). @returns how many */
    async removeDone(most: number): Promise<number> {
      const done = await db.run(
        sql
          .selectFrom('message')
          .select('id')
          .where('bytes_removed_at', 'is', null)
          .where('held_for_filing', '=', 0)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('recipient')
                  .whereRef('message_id', '=', 'message.id')
                  // A report that the receipt has not come returns the header of the message.
                  .where(({ eb, or }) => or([eb('relay', 'in', ['queued', 'sending']), eb('receipt', '=', 'awaited')]))
                  .select('position'),
              ),
            ),
          )
          .limit(most),
      )
      await Promise.all(done.map(({ id }) => bytes.remove(id)))
      const ids = done.map(({ id }) => id)
      if (ids.length > 0) await db.run(sql.updateTable('message').set({ bytes_removed_at: now() }).where('id', 'in', ids))
      return ids.length
    },

    /** Removes files that never got rows (S1, S2). @returns how many */
    async removeOrphans(): Promise<number> {
      const stale = await bytes.stale(now())
      const known = new Set<string>()
      for (const some of chunks(stale, 500)) {
        for (const { id } of await db.run(sql.selectFrom('message').select('id').where('id', 'in', some))) known.add(id)
      }
      const orphans = stale.filter(id => !known.has(id))
      await Promise.all(orphans.map(id => bytes.remove(id)))
      return orphans.length
    },
  }
}
