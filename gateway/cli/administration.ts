import { userInfo } from 'node:os'
import { type Administration, openAdministration } from '../administration.ts'
import { openBoxes } from '../data.ts'
import { withData } from './data.ts'

export interface ByOption {
  by?: string
}

/** @returns who makes a change, as the audit log says it: a user of this machine, or whom he names */
export function by({ by }: ByOption): string {
  return `cli:${by ?? userInfo().username}`
}

/** Opens what an administrator works with, beside a gateway that may be running. */
export function withAdministration<T>(config: string, work: (administration: Administration) => Promise<T>): Promise<T> {
  return withData(config, (db, configuration) =>
    work(openAdministration(db, { boxes: openBoxes(db, Date.now), configuration, now: Date.now })),
  )
}
