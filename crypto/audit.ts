import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { type Database, type Migration, type Statement, tables } from '../config/index.ts'

/** Something done, or refused, by somebody. Ids, addresses and codes: never content, never anything of a patient. */
export interface AuditEntry {
  /** Who: a token's name, a user of this machine, a box. */
  by: string
  /** What: `box.suspend`, `token.create`, … */
  action: string
  /** Upon what: the address of a box, the name of a token. */
  object: string
  /** `done` when nothing is said. */
  result?: 'done' | 'refused'
  detail?: Readonly<Record<string, string>>
}

/** An entry as it stands in the chain. */
export interface AuditLine {
  /** From 1, without a gap. */
  line: number
  /** milliseconds since epoch */
  at: number
  by: string
  action: string
  object: string
  result: 'done' | 'refused'
  detail: Record<string, string>
  /** SHA-256, hexadecimal, of this line and of the hash before it. */
  hash: string
}

/** The end of the chain. Noted elsewhere, it later proves that nothing up to it was taken away. */
export interface AuditHead {
  line: number
  hash: string
}

export interface AuditVerdict {
  lines: number
  head: AuditHead
  /** The first line that is wrong; what comes behind it proves nothing. */
  fault?: { line: number; why: string }
}

export interface AuditListing {
  /** Lines behind this one; the first of all by default. */
  after?: number
  /** The last `limit` lines when `after` is not given. */
  limit?: number
  object?: string
  by?: string
}

export interface Audit {
  /** @returns the statement that appends a line: it joins the transaction of the change that it is about */
  line(entry: AuditEntry): Statement
  /** Appends a line that is about no change of rows. */
  append(entry: AuditEntry): Promise<void>
  /** @param noted a head that was kept elsewhere: the chain must still hold it */
  verify(noted?: AuditHead): Promise<AuditVerdict>
  /** @returns lines, oldest first */
  list(listing?: AuditListing): Promise<AuditLine[]>
  head(): Promise<AuditHead>
}

const GENESIS = '0'.repeat(64)

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
]

interface AuditRow {
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

const build = tables<{ audit: AuditRow }>()
/** In the order of the content's text. */
const WRITTEN = ['at', 'by', 'action', 'object', 'result', 'detail'] as const
const PAGE = 1_000
const MOST = 500

/**
 * Opens the tamper-evident log over the operator's database (schema: auditMigrations). Each line holds the hash of the line before it, taken by the
 * statement that appends, so two writers can never chain to the same line: the number is the primary key.
 */
export function openAudit(db: Database, { now }: { now: () => number }): Audit {
  function line({ by, action, object, result = 'done', detail = {} }: AuditEntry): Statement {
    const row = { at: now(), by: clean(by), action: clean(action), object: clean(object), result, detail: detailText(detail) }
    const last = build.selectFrom('audit').select(['line', 'hash']).orderBy('line', 'desc').limit(1).as('last')
    const number = sql<number>`last.line + 1`.as('line')
    const hash = sql<string>`sha256((last.line + 1) || ' ' || last.hash || ' ' || ${contentOf(row)})`.as('hash')
    const given = WRITTEN.map(name => sql<string>`${row[name]}`.as(name))
    return build
      .insertInto('audit')
      .columns(['line', ...WRITTEN, 'hash'])
      .expression(build.selectFrom(last).select([number, ...given, hash]))
  }

  const page = (after: number) => db.run(build.selectFrom('audit').selectAll().where('line', '>', after).orderBy('line').limit(PAGE))

  async function head(): Promise<AuditHead> {
    const [last] = await db.run(build.selectFrom('audit').select(['line', 'hash']).orderBy('line', 'desc').limit(1))
    return last ? { line: Number(last.line), hash: last.hash } : { line: 0, hash: '' }
  }

  async function verify(noted?: AuditHead): Promise<AuditVerdict> {
    let last: AuditHead = { line: -1, hash: GENESIS }
    const verdict = (fault?: { line: number; why: string }) => ({ lines: Math.max(0, last.line), head: last, ...(fault && { fault }) })
    for (let rows = await page(-1); rows.length > 0; rows = await page(last.line)) {
      for (const [index, row] of rows.entries()) {
        const why = faultOf(row, last)
        // The line behind it tells whether the whole chain or the content of one line alone is broken.
        if (why === 'altered') return verdict({ line: last.line + 1, why: sentence(row, rows[index + 1] ?? (await page(row.line))[0]) })
        if (why !== undefined) return verdict({ line: last.line + 1, why })
        last = { line: Number(row.line), hash: row.hash }
        if (noted?.line === last.line && noted.hash !== last.hash)
          return verdict({ line: last.line, why: 'it is not the line that was noted' })
      }
    }
    if (last.line < 0) return verdict({ line: 0, why: 'the beginning of the log is missing' })
    if (noted && noted.line > last.line)
      return verdict({ line: last.line + 1, why: `the lines up to ${noted.line}, which was noted, are missing` })
    return verdict()
  }

  async function list({ after, limit = PAGE, object, by }: AuditListing = {}): Promise<AuditLine[]> {
    let query = build
      .selectFrom('audit')
      .selectAll()
      .where('line', '>', Math.max(0, after ?? 0))
      .limit(limit)
    if (object !== undefined) query = query.where('object', '=', object)
    if (by !== undefined) query = query.where('by', '=', by)
    const rows = await db.run(query.orderBy('line', after === undefined ? 'desc' : 'asc'))
    return (after === undefined ? rows.reverse() : rows).map(lineOf)
  }

  return { line, append: async entry => void (await db.atomically([line(entry)])), verify, list, head }
}

/** @returns what is wrong with a row, given the one before it */
function faultOf(row: AuditRow, last: AuditHead): string | undefined {
  if (Number(row.line) !== last.line + 1) return Number(row.line) === 1 ? 'the beginning of the log is missing' : 'it is missing'
  if (Number(row.line) === 0) return row.hash === GENESIS ? undefined : 'the beginning of the log was changed'
  return hashOf(row, last.hash) === row.hash ? undefined : 'altered'
}

function sentence(row: AuditRow, next: AuditRow | undefined): string {
  if (next && hashOf(next, row.hash) !== next.hash)
    return 'it does not follow the line before it: lines were removed, inserted or put in another order'
  return 'it is not what was written: its content, its number or the line before it was changed'
}

function hashOf(row: AuditRow, previous: string): string {
  return createHash('sha256')
    .update(`${row.line} ${previous} ${contentOf(row)}`)
    .digest('hex')
}

/** One text for one line: a JSON array of a number and six strings reads in one way only. */
function contentOf({ at, by, action, object, result, detail }: Omit<AuditRow, 'line' | 'hash'>): string {
  return JSON.stringify([Number(at), by, action, object, result, detail])
}

function detailText(detail: Readonly<Record<string, string>>): string {
  const entries = Object.entries(detail).map(([name, value]) => [name, clean(value)] as const)
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** What a database could give back otherwise than it took it (NUL, half a surrogate pair) would break the chain by itself. */
function clean(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}]/gu, '\ufffd')
    .slice(0, MOST)
    .replace(/\p{Cs}$/u, '')
}

function lineOf(row: AuditRow): AuditLine {
  return {
    ...row,
    line: Number(row.line),
    at: Number(row.at),
    result: row.result as AuditLine['result'],
    detail: JSON.parse(row.detail) as Record<string, string>,
  }
}
