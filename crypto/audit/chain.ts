import { type AuditRow, GENESIS, hashOf, isStart, PRUNE } from './rows.ts'

/** The end of the chain. Noted elsewhere, it later proves that nothing up to it was taken away. */
export interface AuditHead {
  line: number
  hash: string
}

/** The first thing that is wrong, and where: a line, a checkpoint, or a file that the sentence names. What comes behind it proves nothing. */
export interface AuditFault {
  line?: number
  checkpoint?: number
  why: string
}

/** What a checkpoint says of the chain. */
export interface Mark extends AuditHead {
  number: number
}

/** Old lines may be removed up to `to`: line `line` says so. */
export interface Announcement {
  line: number
  to: number
}

export interface Walk {
  /** What the first line is chained to. */
  from: AuditHead
  head: AuditHead
  announcements: readonly Announcement[]
  /** Of the first line that no mark holds; milliseconds. */
  unsignedSince?: number
  fault?: AuditFault
}

export interface WalkOptions {
  /** In ascending order. */
  marks?: readonly Mark[] | undefined
  noted?: AuditHead | undefined
}

/**
 * Follows the chain through rows in ascending order, the row that it begins with first. Each line must follow the one before it, and be the one that a
 * checkpoint, or a head that was noted, says.
 */
export async function walkChain(rows: AsyncIterable<AuditRow>, { marks = [], noted }: WalkOptions = {}): Promise<Walk> {
  const signed = new Map(marks.map(mark => [mark.line, mark]))
  const announcements: Announcement[] = []
  const iterator = rows[Symbol.asyncIterator]()
  let from: AuditHead = { line: 0, hash: '' }
  let head: AuditHead = from
  let before = -1
  let unsignedSince: number | undefined
  const lastMark = marks.at(-1)?.line ?? 0
  const end = (fault?: AuditFault): Walk => ({
    ...{ from, head, announcements },
    ...(unsignedSince !== undefined && { unsignedSince }),
    ...(fault && { fault }),
  })
  try {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      const row = next.value
      const fault = before < 0 ? faultOfStart(row, marks[0]) : await faultOfLine(row, head, iterator)
      if (fault) return end(fault)
      head = { line: row.line, hash: row.hash }
      if (before < 0) from = head
      else if (row.line > lastMark) unsignedSince ??= row.at
      before = row.line
      const mark = signed.get(row.line)
      if (mark && mark.hash !== row.hash) return end({ line: row.line, why: rewritten(mark, marks, from) })
      if (noted?.line === row.line && noted.hash !== row.hash) return end({ line: row.line, why: 'it is not the line that was noted' })
      if (row.action === PRUNE && row.result === 'done') announcements.push({ line: row.line, to: toOf(row.detail) })
    }
  } finally {
    await iterator.return?.()
  }
  if (before < 0) return end({ line: 0, why: 'the beginning of the log is missing' })
  const last = marks.at(-1)
  if (last && last.line > head.line) return end(missing(head, last.line, `which checkpoint ${last.number} signs`))
  if (noted && noted.line > head.line) return end(missing(head, noted.line, 'which was noted'))
  return end()
}

function missing(head: AuditHead, upTo: number, known: string): AuditFault {
  return { line: head.line + 1, why: `the lines up to ${upTo}, ${known}, are missing` }
}

function rewritten({ number, line }: Mark, marks: readonly Mark[], from: AuditHead): string {
  const before = marks.filter(mark => mark.line < line).at(-1)?.line ?? from.line
  return `it is not the one that checkpoint ${number} signed: something was written anew between lines ${before + 1} and ${line}`
}

/** A log begins at line 0, or where a signed checkpoint says that it may. */
function faultOfStart(row: AuditRow, first: Mark | undefined): AuditFault | undefined {
  const begins = first && first.number > 1 ? first.line : 0
  if (!isStart(row) && row.line > 0) return { line: Math.min(begins, row.line), why: 'the beginning of the log is missing' }
  const isWhole = isStart(row) && (row.line === 0 ? row.hash === GENESIS : row.line > 0 && /^[0-9a-f]{64}$/.test(row.hash))
  return isWhole ? undefined : { line: row.line, why: 'the beginning of the log was changed' }
}

async function faultOfLine(row: AuditRow, last: AuditHead, rows: AsyncIterator<AuditRow>): Promise<AuditFault | undefined> {
  const line = last.line + 1
  if (row.line !== line) return { line, why: 'it is missing' }
  if (hashOf(row, last.hash) === row.hash) return undefined
  // The line behind it tells whether the whole chain or the content of one line alone is broken.
  const next = await rows.next()
  if (!next.done && hashOf(next.value, row.hash) !== next.value.hash)
    return { line, why: 'it does not follow the line before it: lines were removed, inserted or put in another order' }
  return { line, why: 'it is not what was written: its content, its number or the line before it was changed' }
}

/** What an announcement says; one that can't be read allows nothing. */
export function toOf(detail: string): number {
  return Number(/"to":"(\d{1,15})"/.exec(detail)?.[1] ?? -1)
}
