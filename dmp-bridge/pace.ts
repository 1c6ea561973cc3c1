import type { Database } from '../config/database/index.ts'
import { bridge } from './filing-tables.ts'

/** Takes a turn to submit, or says when to ask again. */
export type Pace = () => Promise<{ taken: true } | { taken: false; again: number }>

/**
 * The DMP's limit of submissions a second for one structure. The turn is a row, so the limit holds over all processes and
 * machines that file for this structure: turns are spaced evenly, there are no bursts.
 */
export function openPace(db: Database, options: { structure: string; perSecond: number; now: () => number }): Pace {
  const spacing = Math.ceil(1000 / options.perSecond)
  const first = bridge
    .insertInto('dmp_pace')
    .values({ structure: options.structure, next_at: 0 })
    .onConflict(conflict => conflict.doNothing())
  let ready = false
  return async () => {
    if (!ready) await db.run(first) // again at the next turn when the database fails now
    ready = true
    const now = options.now()
    const turn = bridge.updateTable('dmp_pace').set({ next_at: now + spacing })
    const taken = await db.run(
      turn
        .where('structure', '=', options.structure)
        .where(eb => eb.or([eb('next_at', '<=', now), eb('next_at', '>', now + spacing)]))
        .returning('next_at'),
    )
    return taken.length > 0 ? { taken: true } : { taken: false, again: now + spacing }
  }
}
