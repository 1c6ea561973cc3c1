import { userInfo } from 'node:os'
import type { Database } from '../../config/index.ts'
import { type AuditEntry, openAudit } from '../../crypto/index.ts'
import type { OrderResult } from '../../dmp-bridge/index.ts'
import { type Administration, openAdministration } from '../administration.ts'
import { openBoxes } from '../data.ts'
import { withData } from './data.ts'
import { interruptible } from './interruption.ts'

export interface ByOption {
  by?: string
}

/** @param does what it is that he does: `makes the change` */
export const byOption = (does: string) => ['--by <name>', `who ${does}, for the audit log; the user of this machine by default`] as const

/** @returns who makes a change, as the audit log says it: a user of this machine, or whom he names */
export function by({ by }: ByOption): string {
  return `cli:${by ?? userInfo().username}`
}

/** Writes down what a command did that is no change of rows, or one of another room. */
export function writeDown(db: Database, { who, ...entry }: Omit<AuditEntry, 'by'> & { who?: string | undefined }): Promise<void> {
  return openAudit(db, { now: Date.now }).append({ ...entry, by: by(who === undefined ? {} : { by: who }) })
}

/**
 * Gives something away in a file that is made already. The line comes first, so that nothing is out of which the log does not tell; where it
 * could not be written after all, or somebody interrupted it, a second line says so.
 */
export function giveAway<T>(
  db: Database,
  entry: Parameters<typeof writeDown>[1],
  write: (signal: AbortSignal) => Promise<T> | T,
): Promise<T> {
  return interruptible(async signal => {
    await writeDown(db, entry)
    try {
      signal.throwIfAborted()
      return await write(signal)
    } catch (error) {
      const undone = { ...entry, result: 'refused', detail: { ...entry.detail, why: 'not-written' } } as const
      await writeDown(db, undone).catch(() => {}) // the first line stands, and the error is told
      throw error
    }
  })
}

/** An order on a filing, followed or not. */
export function noteOrder(db: Database, order: string, id: string, result: OrderResult, who: string | undefined): Promise<void> {
  const refused = result.kind === 'no' ? ({ result: 'refused', detail: { why: result.why } } as const) : {}
  return writeDown(db, { who, action: `dmp.${order}`, object: id, ...refused })
}

/** Opens what an administrator works with, beside a gateway that may be running. */
export function withAdministration<T>(config: string, work: (administration: Administration) => Promise<T>): Promise<T> {
  return withData(config, (db, configuration) =>
    work(openAdministration(db, { boxes: openBoxes(db, Date.now), configuration, now: Date.now })),
  )
}
