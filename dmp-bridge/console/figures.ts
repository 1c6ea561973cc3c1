import { sql } from 'kysely'
import type { Database } from '../../config/database/index.ts'
import type { FilingState } from '../filing-tables.ts'
import { parse } from '../filing-view.ts'
import { chosen } from './filing-list.ts'
import { offsetAt } from './words.tsx'

/** Counts of filings: states, reason codes and type codes only. */
export interface Figures {
  byState: Partial<Record<FilingState, number>>
  /** of those that are held or refused now; a filing with two reasons counts for both */
  byReason: Record<string, number>
  /** by type code; `unknown` for those without */
  byType: Record<string, number>
  /** oldest first; a day is one of French legal time, yyyy-mm-dd */
  byDay: { day: string; filed: number; held: number; refused: number; other: number }[]
  /** when the filing was made that has waited for longest: for the DMP, or for a human; whatever `since` is */
  oldest: { pending?: number; held?: number }
  /** when a document was filed last, whatever `since` is */
  lastFiledAt?: number
}

const DAY_MS = 86_400_000

export function openFigures(db: Database) {
  return {
    /**
     * @param asked.since of the filings that are counted, by when they were made; milliseconds, as `now`
     * @param asked.boxes only messages of these boxes; of all without it
     */
    async read({ since, now, boxes }: { since: number; now: number; boxes?: readonly string[] | undefined }): Promise<Figures> {
      const all = chosen({ boxes, from: since })
      const shift = offsetAt(now)
      const day = sql<number>`filing.created_at + ${shift} - (filing.created_at + ${shift}) % ${DAY_MS}`
      const [states, reasons, types, days, waiting, [last]] = await Promise.all([
        db.run(all.select(['filing.state', ({ fn }) => fn.countAll().as('total')]).groupBy('filing.state')),
        db.run(
          all
            .where('filing.state', 'in', ['held', 'refused'])
            .select(['filing.reasons', ({ fn }) => fn.countAll().as('total')])
            .groupBy('filing.reasons'),
        ),
        db.run(all.select(['filing.type', ({ fn }) => fn.countAll().as('total')]).groupBy('filing.type')),
        db.run(all.select([day.as('day'), 'filing.state', ({ fn }) => fn.countAll().as('total')]).groupBy(['day', 'filing.state'])),
        db.run(
          chosen({ boxes })
            .where('filing.state', 'in', ['pending', 'held'])
            .select(['filing.state', ({ fn }) => fn.min('filing.created_at').as('at')])
            .groupBy('filing.state'),
        ),
        db.run(chosen({ boxes, state: 'filed' }).select(({ fn }) => fn.max('filing.settled_at').as('at'))),
      ])
      const oldest = Object.fromEntries(waiting.map(({ state, at }) => [state, Number(at)]))
      return {
        byState: totals(states.map(({ state, total }) => [state, Number(total)])),
        byReason: totals(reasons.flatMap(({ reasons, total }) => parse(reasons).map(reason => [reason, Number(total)] as const))),
        byType: totals(types.map(({ type, total }) => [type ?? 'unknown', Number(total)])),
        byDay: byDay(days.map(({ day, state, total }) => ({ day: Number(day), state, total: Number(total) }))),
        oldest,
        ...(last?.at == null ? {} : { lastFiledAt: Number(last.at) }),
      }
    },
  }
}

/** Most first. */
function totals(pairs: readonly (readonly [string, number])[]): Record<string, number> {
  const sums = new Map<string, number>()
  for (const [name, count] of pairs) sums.set(name, (sums.get(name) ?? 0) + count)
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b - a))
}

function byDay(rows: readonly { day: number; state: FilingState; total: number }[]): Figures['byDay'] {
  const days = new Map<number, Figures['byDay'][number]>()
  for (const { day, state, total } of rows) {
    const known = days.get(day) ?? { day: new Date(day).toISOString().slice(0, 10), filed: 0, held: 0, refused: 0, other: 0 }
    known[state === 'filed' || state === 'held' || state === 'refused' ? state : 'other'] += total
    days.set(day, known)
  }
  return [...days].sort(([a], [b]) => a - b).map(([, counts]) => counts)
}
