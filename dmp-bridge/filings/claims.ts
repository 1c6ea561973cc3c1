import type { ExpressionBuilder } from 'kysely'
import type { Database } from '../../config/database/index.ts'
import { type BridgeTables, bridge, type FilingRow, type InboxRow, UNCLAIMED, WAITING } from '../filing-tables.ts'

/** How an attempt ended that settles nothing. */
export interface Deferral {
  code: string
  nextAttemptAt: number
  doubts: number
}

type Claimable = 'inbox' | 'filing'

/**
 * Whose turn a row is. A claim is a lease of one owner; what its owner leaves behind is free when the owner is known to be dead or the lease has
 * run out.
 */
export function openClaims(db: Database, { owner, now, leaseMs }: { owner: string; now: () => number; leaseMs: number }) {
  const free = (eb: ExpressionBuilder<BridgeTables, Claimable>) => eb.or([eb('claimed_by', 'is', null), eb('claimed_until', '<=', now())])
  const mine = () => ({ claimed_by: owner, claimed_until: now() + leaseMs })

  return {
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

    /** Puts a message back, to be read again later. */
    async deferMessage(message: InboxRow, nextAttemptAt: number): Promise<void> {
      const back = bridge.updateTable('inbox').set({ ...UNCLAIMED, next_attempt_at: nextAttemptAt })
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
      await db.run(claimed(filing).set({ ...UNCLAIMED, ...next }))
    },

    /** Gives a claimed filing back after an exception, to be tried alone; the fault that its claim counted stays. */
    async giveBack(filing: FilingRow, nextAttemptAt: number): Promise<void> {
      await db.run(claimed(filing).set({ ...UNCLAIMED, alone: 1, next_attempt_at: nextAttemptAt }))
    },

    /** Puts a claimed filing back as it was: its turn has not come. */
    async putBack(filing: FilingRow): Promise<void> {
      await db.run(claimed(filing).set({ ...UNCLAIMED, faults: filing.faults - 1 }))
    },

    /** Its set was not taken: it goes by itself, at once. What is sure not to have been filed counts as no attempt. */
    async goAlone(filing: FilingRow, { code, unsure }: { code: string; unsure: boolean }): Promise<void> {
      const again = { code, alone: 1, next_attempt_at: now(), attempts: filing.attempts + (unsure ? 1 : 0), faults: 0 }
      await db.run(claimed(filing).set({ ...UNCLAIMED, ...again }))
    },

    /** Frees what dead owners have claimed. @returns how many rows */
    async releaseDead(isAlive: (owner: string) => boolean | Promise<boolean>): Promise<number> {
      const owners = await Promise.all([ownersOf('inbox'), ownersOf('filing')])
      let freed = 0
      for (const other of new Set(owners.flat())) {
        if (await isAlive(other)) continue
        const rows = await db.atomically([
          bridge.updateTable('inbox').set(UNCLAIMED).where('claimed_by', '=', other).returning('message_id'),
          bridge.updateTable('filing').set(UNCLAIMED).where('claimed_by', '=', other).returning('id'),
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
