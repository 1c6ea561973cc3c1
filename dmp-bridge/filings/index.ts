import type { Database } from '../../config/database/index.ts'
import { openClaims } from './claims.ts'
import { openEarlierFilings } from './earlier.ts'
import { openEndings } from './endings.ts'
import { openPlanning } from './planning.ts'
import { openSettling } from './settling.ts'

export type { EarlierFiling } from './earlier.ts'
export { type DocumentSet, inboxRow, type NewFiling } from './planning.ts'

/** The rows of the bridge: the truth of what is to be read and filed. */
export type Filings = ReturnType<typeof openFilings>

/** @param options.leaseMs after so many milliseconds, what this owner has claimed is free again */
export function openFilings(db: Database, options: { owner: string; now: () => number; leaseMs: number }) {
  return {
    ...openPlanning(db, options),
    ...openClaims(db, options),
    ...openSettling(db, options),
    ...openEndings(db),
    ...openEarlierFilings(db),
  }
}
