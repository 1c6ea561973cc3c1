import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Compilable } from 'kysely'
import { compiled } from '../paths.ts'
import { compile, type Query, type Statement } from './query.ts'

export type { Compilable } from 'kysely'
export { prepared, type Query, required, STALE, type Statement, tables } from './query.ts'

/** A change of the schema. Statements keep to what SQLite and PostgreSQL share; each runs once, in the order given. */
export interface Migration {
  readonly id: string
  readonly up: readonly string[]
}

/**
 * The rows of one operator. Everything is durable when the promise resolves (decision 3: 250 means safe): calls that arrive
 * together share one transaction and one sync.
 */
export interface Database {
  /** Runs one statement. @returns its rows (of a select, or of RETURNING) */
  run<T>(query: Compilable<T>): Promise<T[]>
  run<T = Record<string, unknown>>(query: Query): Promise<T[]>
  /**
   * Runs statements as one transaction: all or none.
   * @param files on the disk before the rows are; when the rows fail they stay behind, without rows
   * @returns the rows of each
   */
  atomically(queries: readonly Statement[], files?: readonly NewFile[]): Promise<Record<string, unknown>[][]>
  close(): Promise<void>
  /** Resolves when the database has gone without being closed: nothing can be promised any more, whoever uses it should end. */
  readonly failed: Promise<Error>
}

/** Bytes that belong to rows: a new file, written and synced, its name too, before the rows commit. */
export interface NewFile {
  readonly path: string
  readonly bytes: Uint8Array
}

export interface Job {
  readonly id: number
  readonly queries: readonly Query[]
  readonly files?: readonly NewFile[]
}

export type Answer = { readonly id: number; readonly rows: Record<string, unknown>[][] } | { readonly id: number; readonly error: string }

/**
 * Opens (and creates, and migrates) the embedded database in a thread of its own: the SMTP dialogue never waits for the disk.
 * @param options.file path of the SQLite file; its folder must exist
 * @param options.readOnly nothing is created, migrated or written: for looking beside a gateway; the file must be there
 * @throws when the file can't be opened or a migration fails
 */
export async function openDatabase(options: { file: string; migrations: readonly Migration[]; readOnly?: boolean }): Promise<Database> {
  const thread = new Worker(compiled('config/database/thread'), { workerData: options })
  const waiting = new Map<number, { resolve: (rows: Record<string, unknown>[][]) => void; reject: (error: Error) => void }>()
  let next = 0
  let down: Error | undefined
  let closing = false
  let tellFailed: (error: Error) => void = () => {}
  const failed = new Promise<Error>(resolve => {
    tellFailed = resolve
  })

  const fail = (error: Error) => {
    down ??= error
    if (!closing) tellFailed(down)
    for (const job of waiting.values()) job.reject(error)
    waiting.clear()
  }
  thread.on('error', fail)
  thread.on('exit', () => fail(new Error('the database is closed')))
  await opened(thread, options.file)
  thread.on('message', (answers: Answer[]) => {
    for (const answer of answers) {
      const job = waiting.get(answer.id)
      waiting.delete(answer.id)
      if ('error' in answer) job?.reject(new Error(answer.error))
      else job?.resolve(answer.rows)
    }
  })

  function send(queries: readonly Query[], files?: readonly NewFile[]): Promise<Record<string, unknown>[][]> {
    if (down) return Promise.reject(down)
    const id = next++
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      thread.postMessage((files ? { id, queries, files } : { id, queries }) satisfies Job)
    })
  }

  return {
    failed,
    run: async (query: Statement) => (await send([compile(query)]))[0] as never[],
    atomically: (queries, files) => (queries.length === 0 ? Promise.resolve([]) : send(queries.map(compile), files)),
    close: async () => {
      if (down) return
      closing = true
      const ended = once(thread, 'exit')
      thread.postMessage('close')
      await ended
    },
  }
}

/** The thread says 'open' once, after the migrations; it dies when they fail. */
async function opened(thread: Worker, file: string): Promise<void> {
  const abort = new AbortController()
  try {
    await Promise.race([
      once(thread, 'message', { signal: abort.signal }),
      once(thread, 'exit', { signal: abort.signal }).then(() => {
        throw new Error('it ended at once')
      }),
    ])
  } catch (error) {
    const why = (error as Error).message
    throw new Error(why ? `${file} cannot be opened as a database: ${why}` : `${file} cannot be opened as a database`)
  } finally {
    abort.abort()
  }
}
