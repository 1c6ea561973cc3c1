import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { isExtractHeader, parseExtractLine } from './extract-line.ts'
import { type Changes, compare } from './extract-report.ts'
import { joinPeople, type PeopleReport } from './libre-acces.ts'
import { type LineReport, readLines } from './line-report.ts'
import { indexBoxes } from './snapshot-index.ts'
import { DISPUTED, IDENTITY_COLUMNS, INSERT_BOX, ROW_FIELDS, SNAPSHOT_ID, SNAPSHOT_SCHEMA, SNAPSHOT_VERSION } from './snapshot-schema.ts'
import { onlyText, openText } from './text-source.ts'

export interface ImportReport extends LineReport, Changes {
  /** Distinct addresses in the new snapshot. */
  count: number
  /** Further lines of an address, merged into its first. */
  duplicates: number
  /** When the publisher made the extract, as the name of the file says; absent when it does not. */
  generatedAt?: Date
  /** Of the PS_LibreAcces, when it was given. */
  people?: PeopleReport
}

export interface ImportOptions {
  now: Date
  /** `PS_LibreAcces` (zip, or its Personne_activite text): completes what the extract leaves blank about people. */
  people?: string
  /** File to write the added, removed and changed boxes to, one a line: the only output that names anybody. */
  changes?: string
  /** Told what is under way, and how many lines of it are done. */
  onProgress?: (step: ImportStep, lines: number) => void
}

export type ImportStep = 'extract' | 'people' | 'compare' | 'index'

/** Five times the extract of 2026 (535,928 lines). More is not read to its end: it would fill a disk for nobody. */
const MOST_LINES = 3_000_000

/**
 * Imports the national extract (31 columns; text, or a zip of one text) into a new snapshot, built aside and put in place by
 * rename once it is whole and on disk. It keeps its thread busy for seconds: run it in a process of its own. Gateways that have the old file open notice the new one by themselves.
 * @param target path of the snapshot to create or replace
 * @throws ImportFault; the snapshot in place is untouched
 */
export async function importExtract(source: string, target: string, options: ImportOptions): Promise<ImportReport> {
  const asideOf = (file: string) => `${file}.${randomUUID()}.new`
  const aside = asideOf(target)
  await removeLeftovers(target)
  const list = options.changes && { aside: asideOf(options.changes), file: options.changes }
  try {
    const report = await build(source, aside, target, { ...options, ...(list && { changes: list.aside }) })
    await moveDurably(aside, target)
    if (list) await rename(list.aside, list.file)
    return report
  } finally {
    await rm(aside, { force: true })
    if (list) await rm(list.aside, { force: true })
  }
}

async function build(source: string, aside: string, target: string, options: ImportOptions): Promise<ImportReport> {
  const { now, people: peopleFile, changes: list, onProgress } = options
  const db = new Database(aside)
  try {
    prepare(db)
    db.exec('BEGIN')
    const text = await openText(source, onlyText)
    const lines = await fill(db, text, source, done => onProgress?.('extract', done))
    settleDisputes(db)
    const people = peopleFile === undefined ? undefined : await joinPeople(db, peopleFile, done => onProgress?.('people', done))
    const count = db.prepare('SELECT count(*) FROM box').pluck().get() as number
    const generatedAt = generationTime(basename(source), now) ?? generationTime(text.name, now)
    db.prepare('INSERT INTO facts VALUES (?, ?, ?, ?, ?)').run(
      now.getTime(),
      generatedAt?.getTime() ?? null,
      basename(source),
      peopleFile === undefined ? null : basename(peopleFile),
      count,
    )
    db.exec('COMMIT')
    onProgress?.('compare', lines.lines)
    const changes = compare(db, target, count, list) // before the index: a refusal should not cost it
    onProgress?.('index', lines.lines)
    db.exec('BEGIN')
    indexBoxes(db)
    db.exec('COMMIT')
    const duplicates = lines.lines - refusedIn(lines) - count
    return { ...lines, count, duplicates, ...changes, ...(generatedAt && { generatedAt }), ...(people && { people }) }
  } finally {
    db.close()
  }
}

/** Nobody reads this file before the rename: no journal; it is synced as a whole at the end. */
function prepare(db: Database.Database): void {
  db.pragma('journal_mode = OFF')
  db.pragma('synchronous = OFF')
  db.pragma('cache_size = -131072')
  db.pragma(`application_id = ${SNAPSHOT_ID}`)
  db.pragma(`user_version = ${SNAPSHOT_VERSION}`)
  db.exec(SNAPSHOT_SCHEMA)
}

function fill(db: Database.Database, text: Awaited<ReturnType<typeof openText>>, file: string, onProgress: (lines: number) => void) {
  const insert = db.prepare(INSERT_BOX)
  return readLines(text, {
    file,
    columns: 'the 31 columns of the extract',
    isHeader: isExtractHeader,
    mostLines: MOST_LINES,
    onProgress,
    take(line) {
      const row = parseExtractLine(line)
      if (typeof row === 'string') return row
      insert.run(ROW_FIELDS.map(field => row[field]))
      return undefined
    },
  })
}

function refusedIn({ refused }: LineReport): number {
  return Object.values(refused).reduce((sum, number) => sum + number, 0)
}

function settleDisputes(db: Database.Database): void {
  const settled = IDENTITY_COLUMNS.map(column => `${column} = CASE ${column} WHEN '${DISPUTED}' THEN '' ELSE ${column} END`)
  db.exec(`UPDATE box SET ${settled.join(', ')} WHERE '${DISPUTED}' IN (${IDENTITY_COLUMNS.join(', ')})`)
}

const HOUR = 3_600_000

/**
 * @returns the time in a name like `Extraction_Correspondance_MSSante_AAAAMMJJhhmm.zip`; its zone is nowhere said, so it is read as UTC (two
 * hours of error at most, for an alarm of two days). Undefined when there is none, or one to come, which would silence the alarm.
 */
export function generationTime(name: string, now: Date): Date | undefined {
  const digits = /_(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(?=\D*$)/.exec(name)
  if (!digits) return undefined
  const [, year, month, day, hour, minute] = digits
  const text = `${year}-${month}-${day}T${hour}:${minute}`
  const time = new Date(`${text}Z`)
  const isReal = !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text)
  return isReal && time.getTime() <= now.getTime() + 3 * HOUR ? time : undefined
}

const DAY = 24 * HOUR

/** An import that was killed leaves hundreds of megabytes beside its target. None takes a day. */
async function removeLeftovers(target: string): Promise<void> {
  const [folder, name] = [dirname(target), basename(target)]
  const left = (await readdir(folder)).filter(other => other.startsWith(`${name}.`) && other.endsWith('.new'))
  for (const file of left.map(other => join(folder, other))) {
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() })) // another import may just have moved it
    if (Date.now() - mtimeMs > DAY) await rm(file, { force: true })
  }
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
