import { sql } from 'kysely'
import type { Database, Statement } from '../../config/index.ts'
import type { AuditHead } from './chain.ts'
import { type AuditRow, build, contentOf, WRITTEN } from './rows.ts'
import { type AuditCheck, type AuditVerdict, verifyRows } from './verify.ts'

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
  verify(check?: AuditCheck): Promise<AuditVerdict>
  /** @returns lines, oldest first */
  list(listing?: AuditListing): Promise<AuditLine[]>
  head(): Promise<AuditHead>
}

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

  async function head(): Promise<AuditHead> {
    const [last] = await db.run(build.selectFrom('audit').select(['line', 'hash']).orderBy('line', 'desc').limit(1))
    return last ? { line: Number(last.line), hash: last.hash } : { line: 0, hash: '' }
  }

  async function list({ after, limit = PAGE, object, by }: AuditListing = {}): Promise<AuditLine[]> {
    let query = build
      .selectFrom('audit')
      .selectAll()
      .where('line', '>', Math.max(0, after ?? 0))
      .where('action', '<>', '') // what the log begins with
      .limit(limit)
    if (object !== undefined) query = query.where('object', '=', object)
    if (by !== undefined) query = query.where('by', '=', by)
    const rows = await db.run(query.orderBy('line', after === undefined ? 'desc' : 'asc'))
    return (after === undefined ? rows.reverse() : rows).map(lineOf)
  }

  return { line, append: async entry => void (await db.atomically([line(entry)])), verify: check => verifyRows(db, check), list, head }
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
