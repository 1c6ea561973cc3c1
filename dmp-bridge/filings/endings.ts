import type { Database } from '../../config/database/index.ts'
import { bridge, type FilingRow } from '../filing-tables.ts'

/** What is left to do once a filing has moved: the ledger hears of it, and bytes that nobody needs are given back. */
export function openEndings(db: Database) {
  return {
    /** @returns filings whose present state the ledger hasn't heard: of one message, or those left behind before `since` */
    untold(of: { messageId: string } | { since: number }): Promise<FilingRow[]> {
      const all = bridge.selectFrom('filing').selectAll().where('told', '=', 0).orderBy('message_id').orderBy('place').limit(100)
      if ('messageId' in of) return db.run(all.where('message_id', '=', of.messageId))
      return db.run(all.where(eb => eb(eb.fn.coalesce('settled_at', 'created_at'), '<=', of.since)))
    },

    /** The ledger has heard of this state; a state that came meanwhile stays untold. */
    async told(filing: FilingRow): Promise<void> {
      const here = bridge.updateTable('filing').set({ told: 1 }).where('id', '=', filing.id)
      await db.run(here.where('state', '=', filing.state).where('reasons', '=', filing.reasons))
    },

    /** @returns read messages whose bytes nobody here needs any more; refused documents keep theirs until `refusedBefore` */
    async finishedMessages(refusedBefore: number, messageId?: string): Promise<string[]> {
      const read = bridge.selectFrom('inbox').select('message_id').where('state', '=', 'read')
      const rows = await db.run(
        (messageId === undefined ? read : read.where('message_id', '=', messageId))
          .where(eb =>
            eb.not(
              eb.exists(
                eb
                  .selectFrom('filing')
                  .select('filing.id')
                  .whereRef('filing.message_id', '=', 'inbox.message_id')
                  .where(open =>
                    open.or([
                      open('filing.state', 'in', ['pending', 'held', 'deleting']),
                      open('filing.told', '=', 0),
                      open.and([open('filing.state', '=', 'refused'), open('filing.settled_at', '>', refusedBefore)]),
                    ]),
                  ),
              ),
            ),
          )
          .limit(100),
      )
      return rows.map(row => row.message_id)
    },

    async markReleased(messageId: string): Promise<void> {
      await db.run(bridge.updateTable('inbox').set({ state: 'released' }).where('message_id', '=', messageId).where('state', '=', 'read'))
    },
  }
}
