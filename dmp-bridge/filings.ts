import type { ExpressionBuilder } from 'kysely'
import type { Compilable, Database } from '../config/database/index.ts'
import type { Sender } from './decide.ts'
import { type BridgeTables, before, bridge, type FilingRow, type FilingState, type InboxRow, WAITING } from './filing-tables.ts'

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

/** A file that came before, by its bytes. */
export interface EarlierFiling {
  sha256: string
  state: FilingState
  ours: boolean
}

/** How an attempt ended that settles nothing. */
export interface Deferral {
  code: string
  nextAttemptAt: number
  doubts: number
}

type Claimable = 'inbox' | 'filing'

/**
 * The rows of the bridge: the truth of what is to be read and filed. A claim is a lease of one owner; what its owner leaves
 * behind is free when the owner is known to be dead or the lease has run out.
 */
export function openFilings(db: Database, options: { owner: string; now: () => number; leaseMs: number }) {
  const { owner, now, leaseMs } = options
  const free = (eb: ExpressionBuilder<BridgeTables, Claimable>) => eb.or([eb('claimed_by', 'is', null), eb('claimed_until', '<=', now())])
  const mine = () => ({ claimed_by: owner, claimed_until: now() + leaseMs })
  const nobodys = { claimed_by: null, claimed_until: null }

  /** Changes the state of a claimed filing, if its table of moves allows. @returns false when someone else moved it before */
  async function settle(filing: FilingRow, to: FilingState, what: { reasons?: readonly string[]; code?: string; sent?: boolean }) {
    const [rows] = await db.atomically([
      bridge
        .updateTable('filing')
        .set({
          ...nobodys,
          state: to,
          reasons: JSON.stringify(withDoubt(filing, to, what.reasons ?? [])),
          code: what.code ?? null,
          attempts: filing.attempts + (what.sent || isForgotten(filing, to) ? 1 : 0),
          faults: 0,
          settled_at: now(),
          told: 0,
        })
        .where('id', '=', filing.id)
        .where('state', 'in', before(to))
        .where('claimed_by', '=', owner)
        .returning('id'),
      patientsNoLongerNeeded,
    ])
    return rows?.length === 1
  }

  return {
    settle,

    /** @returns up to `limit` unread messages, now claimed; each claim counts a fault until it ends well */
    claimMessages(limit: number): Promise<InboxRow[]> {
      const due = bridge.selectFrom('inbox').select('message_id').where('state', '=', 'unread').where('next_attempt_at', '<=', now())
      return db.run(
        bridge
          .updateTable('inbox')
          .set(eb => ({ ...mine(), faults: eb('faults', '+', 1) }))
          .where('message_id', 'in', due.where(free).orderBy('next_attempt_at').limit(limit))
          .where(free)
          .returningAll(),
      )
    },

    /**
     * Writes what was found in a message, and that it is read, in one transaction. A mark holds every waiting copy of its document,
     * whichever of two readers comes first.
     * @param heldBack documents that the author's software holds back with this message: their waiting copies are held too
     * @throws when another worker has written a filing of the same document meanwhile (the unique index): read the message again
     */
    async plan(message: InboxRow, filings: readonly NewFiling[], heldBack: readonly string[] = []): Promise<void> {
      const read = bridge
        .updateTable('inbox')
        .set({ ...nobodys, state: 'read', faults: 0 })
        .where('message_id', '=', message.message_id)
        .where('claimed_by', '=', owner)
      const ids = filings.flatMap(filing => filing.uniqueId ?? [])
      const insertions = filings.map(filing => insertion(message.message_id, filing, now()))
      const copies = heldBack.length > 0 ? [holding('author-request', heldBack, now())] : []
      await db.atomically([...copies, ...insertions, ...(ids.length > 0 ? [holdingMarked(ids, now())] : []), read])
    },

    /** Puts a message back, to be read again later. */
    async deferMessage(message: InboxRow, nextAttemptAt: number): Promise<void> {
      const back = bridge.updateTable('inbox').set({ ...nobodys, next_attempt_at: nextAttemptAt })
      await db.run(back.where('message_id', '=', message.message_id).where('claimed_by', '=', owner))
    },

    /**
     * Claims what has been due for longest, and with it the other documents of its message that are due: one submission may take them all.
     * One that failed in a set, was in a crash, or is to be deleted is claimed alone. Two claimers never get the same one, whoever is first.
     * @param limit of how many at once
     */
    async claimDue(limit = 1): Promise<FilingRow[]> {
      const due = bridge.selectFrom('filing').where('next_attempt_at', '<=', now()).where(free)
      const [first] = await db.run(due.selectAll().where('state', 'in', WAITING).orderBy('next_attempt_at').orderBy('place').limit(1))
      if (!first) return []
      const mates = due.select('id').where('state', '=', 'pending').where('message_id', '=', first.message_id)
      const together = mates.where('alone', '=', 0).where('faults', '=', 0).orderBy('place').limit(limit)
      const claim = bridge
        .updateTable('filing')
        .set(eb => ({ ...mine(), faults: eb('faults', '+', 1) }))
        .where('state', '=', first.state)
        .where(free)
      const rows = await db.run((goesAlone(first) ? claim.where('id', '=', first.id) : claim.where('id', 'in', together)).returningAll())
      return rows.sort((one, two) => one.place - two.place)
    },

    /**
     * The last look before documents go: whoever moved one or took it over meanwhile is obeyed.
     * @param depositedAs Struct_IdNat of the submission
     * @returns those that are still ours to send; their leases then start anew
     */
    async renew(filings: readonly FilingRow[], depositedAs: string): Promise<FilingRow[]> {
      const ids = filings.map(filing => filing.id)
      const ours = bridge.updateTable('filing').set({ ...mine(), deposited_as: depositedAs })
      const rows = await db.run(ours.where('id', 'in', ids).where('state', '=', 'pending').where('claimed_by', '=', owner).returning('id'))
      return filings.filter(filing => rows.some(row => row.id === filing.id))
    },

    /**
     * The same for a deletion: from now on the document may be gone.
     * @returns whether it is still ours to delete
     */
    async beginDeletion(filing: FilingRow): Promise<boolean> {
      const begun = claimed(filing).set(eb => ({ ...mine(), doubts: eb('doubts', '+', 1) }))
      return (await db.run(begun.returning('id'))).length === 1
    },

    /** Keeps a claimed filing for a later attempt. */
    async defer(filing: FilingRow, { code, nextAttemptAt, doubts }: Deferral): Promise<void> {
      const next = { code, doubts, next_attempt_at: nextAttemptAt, attempts: filing.attempts + 1, faults: 0 }
      await db.run(claimed(filing).set({ ...nobodys, ...next }))
    },

    /** Gives a claimed filing back after an exception, to be tried alone; the fault that its claim counted stays. */
    async giveBack(filing: FilingRow, nextAttemptAt: number): Promise<void> {
      await db.run(claimed(filing).set({ ...nobodys, alone: 1, next_attempt_at: nextAttemptAt }))
    },

    /** Puts a claimed filing back as it was: its turn has not come. */
    async putBack(filing: FilingRow): Promise<void> {
      await db.run(claimed(filing).set({ ...nobodys, faults: filing.faults - 1 }))
    },

    /** Its set was not taken: it goes by itself, at once. What is sure not to have been filed counts as no attempt. */
    async goAlone(filing: FilingRow, { code, unsure }: { code: string; unsure: boolean }): Promise<void> {
      const again = { code, alone: 1, next_attempt_at: now(), attempts: filing.attempts + (unsure ? 1 : 0), faults: 0 }
      await db.run(claimed(filing).set({ ...nobodys, ...again }))
    },

    /** @returns the patient of a document that is to be deleted, as the order sealed him */
    async sealedPatient(filing: FilingRow): Promise<string | undefined> {
      const order = bridge.selectFrom('filing_deletion').select('sealed_patient').where('filing_id', '=', filing.id)
      return (await db.run(order))[0]?.sealed_patient
    },

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

    /** Frees what dead owners have claimed. @returns how many rows */
    async releaseDead(isAlive: (owner: string) => boolean | Promise<boolean>): Promise<number> {
      const owners = await Promise.all([ownersOf('inbox'), ownersOf('filing')])
      let freed = 0
      for (const other of new Set(owners.flat())) {
        if (await isAlive(other)) continue
        const rows = await db.atomically([
          bridge.updateTable('inbox').set(nobodys).where('claimed_by', '=', other).returning('message_id'),
          bridge.updateTable('filing').set(nobodys).where('claimed_by', '=', other).returning('id'),
        ])
        freed += rows.flat().length
      }
      return freed
    },

    /** @returns when the next free row of each kind is due (it may be past) */
    async nextDue(): Promise<{ message: number | undefined; filing: number | undefined }> {
      const [messages, filings] = await db.atomically([
        bridge.selectFrom('inbox').select('next_attempt_at').where('state', '=', 'unread').where(free).orderBy('next_attempt_at').limit(1),
        bridge.selectFrom('filing').select('next_attempt_at').where('state', 'in', WAITING).where(free).orderBy('next_attempt_at').limit(1),
      ])
      const at = (rows: Record<string, unknown>[] | undefined) => rows?.[0]?.next_attempt_at as number | undefined
      return { message: at(messages), filing: at(filings) }
    },
  }

  function claimed(filing: FilingRow) {
    return bridge.updateTable('filing').where('id', '=', filing.id).where('state', '=', filing.state).where('claimed_by', '=', owner)
  }

  async function ownersOf(table: Claimable): Promise<string[]> {
    const rows = await db.run(bridge.selectFrom(table).select('claimed_by').distinct().where('claimed_by', 'is not', null))
    return rows.flatMap(row => row.claimed_by ?? [])
  }
}

/** What only waits to be deleted, or has brought a set or a process down, is not put with others. */
function goesAlone(filing: FilingRow): boolean {
  return filing.state !== 'pending' || filing.alone === 1 || filing.faults > 0
}

/** Of a deletion that has ended, well or not, nothing of the patient stays. */
const patientsNoLongerNeeded = bridge
  .deleteFrom('filing_deletion')
  .where('filing_id', 'not in', bridge.selectFrom('filing').select('id').where('state', '=', 'deleting'))

export type Filings = ReturnType<typeof openFilings>

/** A claim before this one ended in a crash: it may have sent. Its fault is forgotten with the claim, so it counts as an attempt. */
function isForgotten(filing: FilingRow, to: FilingState): boolean {
  return to === 'held' && filing.attempts === 0 && filing.faults > 1
}

/**
 * An earlier attempt may have filed what the DMP refuses now: its answer was lost, or its process. What is held needs no such word, since
 * whoever releases it learns the truth from the DMP.
 */
function withDoubt(filing: FilingRow, to: FilingState, reasons: readonly string[]): readonly string[] {
  const wasUnsure = filing.overruled.includes('"may-be-filed"') // before a release, which counts anew
  const isUnsure = wasUnsure || filing.attempts > 0 || filing.doubts > 0 || filing.faults > 1
  const isSaid = reasons.some(each => each === 'may-be-filed' || each === 'ambiguous')
  return to === 'refused' && isUnsure && !isSaid ? [...reasons, 'may-be-filed'] : reasons
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
    claimed_by: null,
    claimed_until: null,
  })
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
      claimed_by: null,
      claimed_until: null,
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
    claimed_by: null,
    claimed_until: null,
    settled_at: filing.state === 'pending' ? null : at,
    told: 0,
    type: filing.type ?? null,
    alone: 0,
    set_id: filing.set?.id ?? null,
    version: filing.set?.version ?? null,
    deposited_as: null,
  })
}
