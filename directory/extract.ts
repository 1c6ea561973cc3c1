import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import Database from 'better-sqlite3'
import { isExtractHeader, type LineFault, parseExtractLine } from './extract-line.ts'
import { extractLines } from './extract-source.ts'
import { ImportFault } from './import-fault.ts'
import { DISPUTED, IDENTITY_COLUMNS, INSERT_BOX, ROW_FIELDS, SNAPSHOT_ID, SNAPSHOT_SCHEMA, SNAPSHOT_VERSION } from './snapshot-schema.ts'

export interface ImportReport {
  /** Lines after the header. */
  lines: number
  /** Distinct addresses in the new snapshot. */
  count: number
  /** Addresses that the previous snapshot did not have; all of them when there was none. */
  added: number
  /** Addresses that only the previous snapshot had. */
  removed: number
  /** Further lines of an address, merged into its first. */
  duplicates: number
  /** How many lines were put aside, by reason. */
  refused: Partial<Record<LineFault, number>>
  /** The first of them; `line` counts from 1, the header included. The lines themselves are not kept: they name people. */
  refusedLines: { line: number; reason: LineFault }[]
}

export interface ImportOptions {
  now: Date
  onProgress?: (lines: number) => void
}

/** Lines put aside before the whole extract is refused: a hundredth of them, and ten in any case. */
const refusalsAllowed = (lines: number) => Math.max(10, lines / 100)
const LISTED_REFUSALS = 100

/**
 * Imports the national extract (31 columns; text, or a zip of one text) into a new snapshot, built aside and put in place by
 * rename once it is whole and on disk. It keeps its thread busy for seconds: run it in a process of its own. Gateways that have the old file open notice the new one by themselves.
 * @param target path of the snapshot to create or replace
 * @throws ImportFault; the snapshot in place is untouched
 */
export async function importExtract(source: string, target: string, options: ImportOptions): Promise<ImportReport> {
  const aside = `${target}.${randomUUID()}.new`
  try {
    const report = await build(source, aside, target, options)
    await moveDurably(aside, target)
    return report
  } finally {
    await rm(aside, { force: true })
  }
}

async function build(source: string, aside: string, target: string, options: ImportOptions): Promise<ImportReport> {
  const db = new Database(aside)
  try {
    // Nobody reads this file before the rename: no journal; it is synced as a whole at the end.
    db.pragma('journal_mode = OFF')
    db.pragma('synchronous = OFF')
    db.pragma('cache_size = -131072')
    db.pragma(`application_id = ${SNAPSHOT_ID}`)
    db.pragma(`user_version = ${SNAPSHOT_VERSION}`)
    db.exec(SNAPSHOT_SCHEMA)
    db.exec('BEGIN')
    const read = await fill(db, source, options)
    const count = boxes(db)
    if (read.duplicates > count) settleDisputes(db)
    db.prepare('INSERT INTO facts VALUES (?, ?, ?)').run(options.now.getTime(), basename(source), count)
    db.exec('COMMIT')
    return { ...read, count, duplicates: read.duplicates - count, ...compare(db, target, count) }
  } finally {
    db.close()
  }
}

type Read = Pick<ImportReport, 'lines' | 'duplicates' | 'refused' | 'refusedLines'>

/** @returns what was read; `duplicates` is still the number of lines inserted */
async function fill(db: Database.Database, source: string, { onProgress }: ImportOptions): Promise<Read> {
  const insert = db.prepare(INSERT_BOX)
  const report: Read = { lines: 0, duplicates: 0, refused: {}, refusedLines: [] }
  let headerSeen = false
  for await (const batch of extractLines(source)) {
    const lines = headerSeen ? batch : withoutHeader(batch, source)
    headerSeen = true
    for (const line of lines) {
      report.lines++
      const row = parseExtractLine(line)
      if (typeof row === 'string') refuse(report, row)
      else {
        insert.run(ROW_FIELDS.map(field => row[field]))
        report.duplicates++
      }
    }
    onProgress?.(report.lines)
  }
  checkUsable(report, source)
  return report
}

function withoutHeader([header = '', ...lines]: string[], source: string): string[] {
  if (!isExtractHeader(header)) throw new ImportFault('header', `${source} does not start with the 31 columns of the extract`)
  return lines
}

function refuse(report: Read, reason: LineFault): void {
  report.refused[reason] = (report.refused[reason] ?? 0) + 1
  if (report.refusedLines.length < LISTED_REFUSALS) report.refusedLines.push({ line: report.lines + 1, reason })
}

function checkUsable({ lines, refused }: Read, source: string): void {
  const total = Object.values(refused).reduce((sum, number) => sum + number, 0)
  if (total > refusalsAllowed(lines)) {
    const why = Object.entries(refused).map(([reason, number]) => `${number} ${reason}`)
    throw new ImportFault('broken-lines', `${total} of the ${lines} lines of ${source} cannot be used (${why.join(', ')})`)
  }
  if (lines === total) throw new ImportFault('empty', `${source} holds no box`)
}

/** What changes against the snapshot in place. An extract that lost half of its boxes is a cut one, not news. */
function compare(db: Database.Database, target: string, count: number): Pick<ImportReport, 'added' | 'removed'> {
  if (!existsSync(target)) return { added: count, removed: 0 }
  const before = attachPrevious(db, target)
  if (count * 2 < before) throw new ImportFault('shrunk', `The extract has ${count} boxes, the snapshot in use has ${before}`)
  const kept = db.prepare('SELECT count(*) FROM box JOIN previous.box AS old ON old.address = box.address').pluck().get() as number
  return { added: count - kept, removed: before - kept }
}

function attachPrevious(db: Database.Database, target: string): number {
  try {
    db.prepare('ATTACH ? AS previous').run(target)
    return db.prepare('SELECT count(*) FROM previous.box').pluck().get() as number
  } catch (cause) {
    throw new ImportFault('unreadable', `${target} is not a snapshot that can be compared; move it away to import without comparing`, {
      cause,
    })
  }
}

function settleDisputes(db: Database.Database): void {
  for (const column of IDENTITY_COLUMNS) db.exec(`UPDATE box SET ${column} = '' WHERE ${column} = '${DISPUTED}'`)
}

function boxes(db: Database.Database): number {
  return db.prepare('SELECT count(*) FROM box').pluck().get() as number
}

async function moveDurably(aside: string, target: string): Promise<void> {
  await sync(aside)
  await rename(aside, target)
  await sync(dirname(target))
}

async function sync(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
