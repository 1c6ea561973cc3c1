import type { Compilable, Database } from '../../config/index.ts'
import type { AuditHead } from './chain.ts'
import { checkpointLine, readCheckpointLine } from './checkpoint.ts'
import { type AuditRow, build, contentOf, START } from './rows.ts'
import { type AuditCheck, type AuditSource, type AuditVerdict, rowsOf, verifyLog } from './verify.ts'

export interface ExportOptions {
  /** Lines from then on, and up to then; milliseconds. Those around them come along, from a checkpoint to a checkpoint. */
  since?: number | undefined
  until?: number | undefined
  operator: string
  now(): number
}

/** What an export says of itself. Nothing rests on it: the checkpoints are what is signed. */
interface Heading {
  export: 'pli audit'
  version: 1
  operator: string
  /** when it was made, ISO 8601 */
  at: string
  /** What its first line is chained to, and its last line. */
  from: AuditHead
  to: AuditHead
}

/**
 * Writes a part of the log: a heading, then each line as `{"line":N,"hash":H,"entry":[…]}`, where H is SHA-256 of `N`, the hash before and the very text of the entry, with
 * spaces between; each checkpoint stands behind the line that it signs. It begins at a checkpoint, or with the log, and ends at one when there is one.
 * @returns lines without their ends
 */
export async function* exportAudit(db: Database, { since, until, operator, now }: ExportOptions): AsyncGenerator<string> {
  const source = rowsOf(db)
  const { from, to } = await range(db, since, until)
  yield JSON.stringify({ export: 'pli audit', version: 1, operator, at: new Date(now()).toISOString(), from, to } satisfies Heading)
  const checkpoints = source.checkpoints()
  let next = await checkpoints.next()
  for await (const row of source.rows()) {
    if (row.line > to.line) return
    if (row.line > from.line) yield `{"line":${row.line},"hash":${JSON.stringify(row.hash)},"entry":${contentOf(row)}}`
    while (!next.done && next.value.line <= row.line) {
      if (next.value.line >= from.line) yield checkpointLine(next.value)
      next = await checkpoints.next()
    }
  }
}

async function range(db: Database, since: number | undefined, until: number | undefined): Promise<{ from: AuditHead; to: AuditHead }> {
  const lines = build.selectFrom('audit').select(['line', 'hash']).limit(1)
  const signed = build
    .selectFrom('audit_checkpoint')
    .innerJoin('audit', 'audit.line', 'audit_checkpoint.line')
    .select(['audit.line', 'audit.hash'])
    .limit(1)
  const [begin, end] = [await one(db, lines.orderBy('line')), await one(db, lines.orderBy('line', 'desc'))]
  if (!begin || !end) throw new Error('the beginning of the audit log is missing')
  const later = lines.where('at', '>=', since ?? 0).where('line', '>', begin.line)
  const lowest = since === undefined ? begin : ((await one(db, later.orderBy('line'))) ?? end)
  const highest = until === undefined ? end : ((await one(db, lines.where('at', '<=', until).orderBy('line', 'desc'))) ?? begin)
  return {
    from: (await one(db, signed.where('audit.line', '<', lowest.line).orderBy('audit.line', 'desc'))) ?? begin,
    to: (await one(db, signed.where('audit.line', '>=', Math.max(lowest.line, highest.line)).orderBy('audit.line'))) ?? end,
  }
}

async function one(db: Database, query: Compilable<AuditHead>): Promise<AuditHead | undefined> {
  const [row] = await db.run(query)
  return row && { line: Number(row.line), hash: row.hash }
}

/**
 * Verifies an export by what it holds alone.
 * @param lines of the file, each time from its beginning
 * @throws Error when it is no export, or has a line that is none of an export
 */
export async function verifyExport(lines: () => AsyncIterable<string>, check: AuditCheck): Promise<AuditVerdict> {
  const { from, to } = await headingOf(lines())
  const verdict = await verifyLog(sourceOf(lines, from), check)
  const { head, fault } = verdict
  if (fault || (head.line === to.line && head.hash === to.hash)) return verdict
  return {
    ...verdict,
    fault: { line: Math.min(head.line, to.line) + 1, why: `the export ends at line ${head.line}, its heading says ${to.line}` },
  }
}

function sourceOf(lines: () => AsyncIterable<string>, from: AuditHead): AuditSource {
  return {
    isPart: true,
    async *rows() {
      yield { ...START, ...from }
      for await (const [text, place] of behindHeading(lines())) {
        if (!readCheckpointLine(text)) yield readLine(text, place)
      }
    },
    async *checkpoints() {
      for await (const [text] of behindHeading(lines())) {
        const checkpoint = readCheckpointLine(text)
        if (checkpoint) yield checkpoint
      }
    },
  }
}

async function headingOf(lines: AsyncIterable<string>): Promise<Heading> {
  for await (const text of lines) {
    const heading = parsed(text) as Partial<Heading> | undefined
    if (heading?.export === 'pli audit' && heading.version === 1 && isHead(heading.from) && isHead(heading.to)) return heading as Heading
    break
  }
  throw new Error('it is no export of an audit log')
}

function isHead(value: Partial<AuditHead> | undefined): boolean {
  return Number.isSafeInteger(value?.line) && /^[0-9a-f]{64}$/.test(value?.hash ?? '')
}

async function* behindHeading(lines: AsyncIterable<string>): AsyncGenerator<[text: string, place: number]> {
  let place = 0
  for await (const text of lines) if (++place > 1) yield [text, place]
}

/** @throws Error unless it is a line in the one form that {@link exportAudit} writes, so that who checks the text itself sees what we see */
function readLine(text: string, place: number): AuditRow {
  const [, line, hash, entry = ''] = /^\{"line":(\d{1,15}),"hash":"([0-9a-f]{64})","entry":(\[.*\])\}$/.exec(text) ?? []
  const [at, by, action, object, result, detail] = (parsed(entry) ?? []) as never[]
  const row = { line: Number(line), at, by, action, object, result, detail, hash: hash ?? '' } as unknown as AuditRow
  if (!hash || contentOf(row) !== entry) throw new Error(`line ${place} of the export is neither a line of the log nor a checkpoint`)
  return row
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
