import type { Compilable, Database } from '../../config/database/index.ts'
import type { Sender } from '../decide.ts'
import { bridge, type InboxRow, UNCLAIMED } from '../filing-tables.ts'

/** A document's filing as it is first written. */
export interface NewFiling {
  id: string
  place: number
  sha256: string
  uniqueId: string | undefined
  state: 'pending' | 'held' | 'ignored'
  reasons: readonly string[]
  dueAt: number
  /** typeCode, when it is one that the tables know */
  type?: string
  /** the set that it is a version of */
  set?: DocumentSet
}

/** `id` is a bare OID; `version` is absent where the document gives none. */
export interface DocumentSet {
  id: string
  version?: number
}

/** The row that makes the worker look into a message; to be written in the transaction that accepts the mail. */
export function inboxRow(message: { id: string; sender: Sender; acceptedAt: number }): Compilable {
  const { id, sender, acceptedAt } = message
  return bridge.insertInto('inbox').values({
    message_id: id,
    sender: JSON.stringify(sender),
    box: sender.address,
    accepted_at: acceptedAt,
    state: 'unread',
    faults: 0,
    next_attempt_at: acceptedAt,
    ...UNCLAIMED,
  })
}

/** What was found in a message becomes rows. */
export function openPlanning(db: Database, { owner, now }: { owner: string; now: () => number }) {
  return {
    /**
     * Writes what was found in a message, and that it is read, in one transaction. A mark holds every waiting copy of its document,
     * whichever of two readers comes first.
     * @param heldBack documents that the author's software holds back with this message: their waiting copies are held too
     * @throws when another worker has written a filing of the same document meanwhile (the unique index): read the message again
     */
    async plan(message: InboxRow, filings: readonly NewFiling[], heldBack: readonly string[] = []): Promise<void> {
      const read = bridge
        .updateTable('inbox')
        .set({ ...UNCLAIMED, state: 'read', faults: 0 })
        .where('message_id', '=', message.message_id)
        .where('claimed_by', '=', owner)
      const ids = filings.flatMap(filing => filing.uniqueId ?? [])
      const insertions = filings.map(filing => insertion(message.message_id, filing, now()))
      const copies = heldBack.length > 0 ? [holding('author-request', heldBack, now())] : []
      await db.atomically([...copies, ...insertions, ...(ids.length > 0 ? [holdingMarked(ids, now())] : []), read])
    },
  }
}

/** Holds every waiting copy of these documents. One that is in someone's hand, or was, may have been sent already. */
function holding(reason: 'marked' | 'author-request', uniqueIds: readonly string[], at: number) {
  return bridge
    .updateTable('filing')
    .set(eb => ({
      state: 'held',
      reasons: eb
        .case()
        .when(eb.or([eb('claimed_by', 'is not', null), eb('attempts', '>', 0), eb('doubts', '>', 0), eb('faults', '>', 0)]))
        .then(JSON.stringify([reason, 'may-be-filed']))
        .else(JSON.stringify([reason]))
        .end(),
      ...UNCLAIMED,
      settled_at: at,
      told: 0,
    }))
    .where('state', '=', 'pending')
    .where('unique_id', 'in', uniqueIds)
}

/** A mark is said of the document, in whichever letter it travels. */
function holdingMarked(uniqueIds: readonly string[], at: number): Compilable {
  return holding('marked', uniqueIds, at).where(eb =>
    eb.exists(
      eb
        .selectFrom('filing as twin')
        .select('twin.id')
        .whereRef('twin.unique_id', '=', 'filing.unique_id')
        .whereRef('twin.sha256', '=', 'filing.sha256')
        .where('twin.state', 'in', ['held', 'refused'])
        .where('twin.reasons', 'like', '%"marked"%'),
    ),
  )
}

function insertion(messageId: string, filing: NewFiling, at: number): Compilable {
  return bridge.insertInto('filing').values({
    id: filing.id,
    message_id: messageId,
    place: filing.place,
    sha256: filing.sha256,
    unique_id: filing.uniqueId ?? null,
    state: filing.state,
    reasons: JSON.stringify(filing.reasons),
    overruled: '[]',
    code: null,
    attempts: 0,
    faults: 0,
    doubts: 0,
    created_at: at,
    due_at: filing.dueAt,
    next_attempt_at: filing.dueAt,
    ...UNCLAIMED,
    settled_at: filing.state === 'pending' ? null : at,
    told: 0,
    type: filing.type ?? null,
    alone: 0,
    set_id: filing.set?.id ?? null,
    version: filing.set?.version ?? null,
    deposited_as: null,
  })
}
