import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { writeFiles } from './files.ts'
import type { Answer, Job, Migration, Query } from './index.ts'
import { STALE } from './query.ts'

const { file, migrations, readOnly = false } = workerData as { file: string; migrations: Migration[]; readOnly?: boolean }
const port = parentPort!
const db = open()
const statements = new Map<string, Database.Statement>()
let queue: Job[] = []

port.on('message', (job: Job | 'close') => {
  if (job === 'close') return close()
  if (queue.length === 0) setImmediate(drain)
  queue.push(job)
})
port.postMessage('open')

function open(): Database.Database {
  // SQLite makes it readable by everybody; what it puts beside the file has the file's own mode.
  if (!readOnly) closeSync(openSync(file, 'a', 0o600))
  const db = new Database(file, { readonly: readOnly, fileMustExist: readOnly })
  db.pragma('busy_timeout = 10000')
  if (readOnly) return db
  db.pragma('journal_mode = WAL')
  // After every open: better-sqlite3 falls back to NORMAL on a file that is already in WAL mode, and NORMAL may lose the last commits.
  db.pragma('synchronous = FULL')
  // What was removed, or sealed since, is not left in free pages.
  db.pragma('secure_delete = ON')
  db.pragma('foreign_keys = ON')
  db.pragma('cache_size = -65536')
  // The audit chain is computed where its order is decided. PostgreSQL gets a function of the same name and form.
  db.function('sha256', { deterministic: true }, text => createHash('sha256').update(String(text)).digest('hex'))
  migrate(db)
  return db
}

function migrate(db: Database.Database): void {
  db.exec('CREATE TABLE IF NOT EXISTS migration (id TEXT PRIMARY KEY, applied_at INTEGER NOT NULL)')
  const known = db.prepare('SELECT 1 FROM migration WHERE id = ?')
  const note = db.prepare('INSERT INTO migration (id, applied_at) VALUES (?, ?)')
  const apply = db.transaction((migration: Migration) => {
    if (known.get(migration.id)) return
    for (const statement of migration.up) db.exec(statement)
    note.run(migration.id, Date.now())
  })
  for (const migration of migrations) apply.immediate(migration)
}

/** Everything that waits is done in one transaction, each job behind a savepoint of its own: one sync for all (group commit). */
function drain(): void {
  const jobs = queue
  queue = []
  port.postMessage(jobs.every(readsOnly) ? jobs.map(answer) : commit(jobs))
}

function commit(jobs: Job[]): Answer[] {
  const faults = writeFiles(jobs)
  try {
    db.exec('BEGIN IMMEDIATE')
    const answers = jobs.map(job => {
      const error = faults.get(job.id)
      return error === undefined ? answerApart(job) : { id: job.id, error }
    })
    db.exec('COMMIT')
    return answers
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    return jobs.map(({ id }) => ({ id, error: (error as Error).message }))
  }
}

function answerApart(job: Job): Answer {
  if (job.queries.length === 1) return answer(job) // one statement is atomic by itself
  db.exec('SAVEPOINT job')
  const result = answer(job)
  if ('error' in result) db.exec('ROLLBACK TO job')
  db.exec('RELEASE job')
  return result
}

function answer({ id, queries }: Job): Answer {
  try {
    return { id, rows: queries.map(execute) }
  } catch (error) {
    return { id, error: (error as Error).message }
  }
}

function execute({ sql, parameters, required }: Query): Record<string, unknown>[] {
  const statement = prepare(sql)
  if (!statement.reader) {
    statement.run(...parameters)
    return []
  }
  const rows = statement.all(...parameters) as Record<string, unknown>[]
  if (required && rows.length === 0) throw new Error(STALE)
  return rows
}

function readsOnly(job: Job): boolean {
  try {
    return job.queries.every(({ sql }) => prepare(sql).readonly)
  } catch {
    return false // a statement that can't be prepared says why in its own answer
  }
}

function prepare(sql: string): Database.Statement {
  const known = statements.get(sql)
  if (known) return known
  if (statements.size > 500) statements.clear() // lists of any length make new texts
  const statement = db.prepare(sql)
  statements.set(sql, statement)
  return statement
}

function close(): void {
  if (queue.length > 0) drain()
  db.close()
  port.close()
}
