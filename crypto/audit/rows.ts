import { createHash } from 'node:crypto'
import { type Migration, tables } from '../../config/index.ts'

/** What the first line is chained to. */
export const GENESIS = '0'.repeat(64)

export const auditMigrations: Migration[] = [
  {
    id: 'audit-1',
    up: [
      `CREATE TABLE audit (
        line BIGINT NOT NULL PRIMARY KEY,
        at BIGINT NOT NULL,
        "by" TEXT NOT NULL,
        action TEXT NOT NULL,
        object TEXT NOT NULL,
        result TEXT NOT NULL,
        detail TEXT NOT NULL,
        hash TEXT NOT NULL
      )`,
      // Who did what to this box: the question that the log is kept for.
      'CREATE INDEX audit_object ON audit (object, line)',
      // What the first line is chained to.
      `INSERT INTO audit VALUES (0, 0, '', '', '', '', '{}', '${GENESIS}')`,
    ],
  },
  {
    id: 'audit-2',
    up: [
      `CREATE TABLE audit_checkpoint (
        number BIGINT NOT NULL PRIMARY KEY,
        line BIGINT NOT NULL,
        at BIGINT NOT NULL,
        cms TEXT NOT NULL,
        filed INTEGER NOT NULL
      )`,
    ],
  },
  {
    id: 'audit-3',
    // A time stamp of its signature, one a day: the authority's clock, beside our own.
    up: ['ALTER TABLE audit_checkpoint ADD COLUMN stamp TEXT'],
  },
]

export interface AuditRow {
  line: number
  at: number
  by: string
  action: string
  object: string
  result: string
  /** JSON, names sorted. */
  detail: string
  hash: string
}

/** A signed checkpoint as it is stored. `line` and `at` are what its text says too. */
export interface CheckpointRow {
  number: number
  line: number
  /** milliseconds since epoch */
  at: number
  /** base64 of a SignedData */
  cms: string
  /** 1 once it stands in the file beside the database; no evidence, only what is still to be done. */
  filed: number
  /** base64 of a TimeStampToken (RFC 3161) of its signature value */
  stamp: string | null
}

export const build = tables<{ audit: AuditRow; audit_checkpoint: CheckpointRow }>()

/** In the order of the content's text. */
export const WRITTEN = ['at', 'by', 'action', 'object', 'result', 'detail'] as const

/** The row that a log begins with: at first line 0, later the last line that retention removed, of which the hash alone is left. */
export const START = { at: 0, by: '', action: '', object: '', result: '', detail: '{}' } as const

/** What the lines about the log itself are about. */
export const LOG = 'audit'
/** The line that announces that old lines will be removed. */
export const PRUNE = 'audit.prune'

/** Whether a row is one that a log begins with. */
export function isStart(row: AuditRow): boolean {
  return contentOf(row) === contentOf(START)
}

/** @returns SHA-256, hexadecimal, of a line and the hash before it */
export function hashOf(row: AuditRow, previous: string): string {
  return createHash('sha256')
    .update(`${row.line} ${previous} ${contentOf(row)}`)
    .digest('hex')
}

/** One text for one line: a JSON array of a number and six strings reads in one way only. */
export function contentOf({ at, by, action, object, result, detail }: Omit<AuditRow, 'line' | 'hash'>): string {
  return JSON.stringify([Number(at), by, action, object, result, detail])
}

/** As the database gives it: a number too large for JavaScript, or none at all, is no line of ours. */
export function rowOf(row: AuditRow): AuditRow {
  return { ...row, line: Number(row.line), at: Number(row.at) }
}
