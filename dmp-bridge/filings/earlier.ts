import type { Database } from '../../config/database/index.ts'
import { bridge, type FilingRow, type FilingState, type InboxRow } from '../filing-tables.ts'

/** A file that came before, by its bytes. */
export interface EarlierFiling {
  sha256: string
  state: FilingState
  ours: boolean
}

/** What is known already of a document, a file or a message. */
export function openEarlierFilings(db: Database) {
  return {
    /** @returns the filings of these documents, whatever their state, oldest first */
    knownAs(uniqueIds: readonly string[]): Promise<FilingRow[]> {
      if (uniqueIds.length === 0) return Promise.resolve([])
      return db.run(bridge.selectFrom('filing').selectAll().where('unique_id', 'in', uniqueIds).orderBy('created_at'))
    },

    /** @returns the filings of every version in these sets, whatever their state, oldest first */
    ofSets(sets: readonly string[]): Promise<FilingRow[]> {
      if (sets.length === 0) return Promise.resolve([])
      return db.run(bridge.selectFrom('filing').selectAll().where('set_id', 'in', sets).orderBy('created_at'))
    },

    /** @returns the filings of files with these bytes in earlier messages; `ours` tells whether the same box sent it */
    async sentBefore(message: InboxRow, hashes: readonly string[]): Promise<EarlierFiling[]> {
      if (hashes.length === 0) return []
      const rows = await db.run(
        bridge
          .selectFrom('filing')
          .innerJoin('inbox', 'inbox.message_id', 'filing.message_id')
          .select(['filing.sha256', 'filing.state', 'inbox.box'])
          .where('filing.sha256', 'in', hashes)
          .where('filing.message_id', '<>', message.message_id)
          .limit(500),
      )
      return rows.map(({ sha256, state, box }) => ({ sha256, state, ours: box === message.box }))
    },

    async message(messageId: string): Promise<InboxRow | undefined> {
      return (await db.run(bridge.selectFrom('inbox').selectAll().where('message_id', '=', messageId)))[0]
    },

    /** @returns the patient of a document that is to be deleted, as the order sealed him */
    async sealedPatient(filing: FilingRow): Promise<string | undefined> {
      const order = bridge.selectFrom('filing_deletion').select('sealed_patient').where('filing_id', '=', filing.id)
      return (await db.run(order))[0]?.sealed_patient
    },
  }
}
