import type { Database } from '../../config/database/index.ts'
import { before, bridge, type FilingRow, type FilingState, UNCLAIMED } from '../filing-tables.ts'

/** The end of an attempt that decides something: the state of a claimed filing moves. */
export function openSettling(db: Database, { owner, now }: { owner: string; now: () => number }) {
  return {
    /** Changes the state of a claimed filing, if its table of moves allows. @returns false when someone else moved it before */
    async settle(filing: FilingRow, to: FilingState, what: { reasons?: readonly string[]; code?: string; sent?: boolean }) {
      const [rows] = await db.atomically([
        bridge
          .updateTable('filing')
          .set({
            ...UNCLAIMED,
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
    },
  }
}

/** Of a deletion that has ended, well or not, nothing of the patient stays. */
const patientsNoLongerNeeded = bridge
  .deleteFrom('filing_deletion')
  .where('filing_id', 'not in', bridge.selectFrom('filing').select('id').where('state', '=', 'deleting'))

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
