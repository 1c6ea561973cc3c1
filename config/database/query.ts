import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'

/** One SQL statement and its parameters, as Kysely compiles it. */
export interface Query {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** The whole batch is undone when this statement returns no row: see `required`. */
  readonly required?: boolean
}

const builder = new Kysely<never>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: db => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

/**
 * Query builders over the tables `T`; a room declares its own tables. Building executes nothing: give the query to
 * `Database.run` or `Database.atomically`.
 */
export function tables<T>(): Kysely<T> {
  return builder as unknown as Kysely<T>
}

/** @returns what travels to the database thread: the text and the values, nothing of the builder */
export function compile(query: Compilable | Query): Query {
  if (!('compile' in query)) return query
  const { sql, parameters } = query.compile()
  return { sql, parameters }
}

/** A statement, built or ready. */
export type Statement = Compilable | Query

/**
 * An insert that is run often: its text is built at the first use, only the values change.
 * @param build makes the insert of a row; every row has the same columns, in the same order
 */
export function prepared<Row extends object>(build: (row: Row) => Compilable): (row: Row) => Query {
  let sql: string | undefined
  return row => {
    sql ??= compile(build(row)).sql
    return { sql, parameters: Object.values(row) }
  }
}

/** What `atomically` rejects with when a required statement returned no row. Nothing of its batch was done. */
export const STALE = 'a required row was not there'

/**
 * A condition of a batch: a statement (with RETURNING) that must return at least one row, or the batch is undone.
 * So a claim that was lost takes its consequences with it.
 */
export function required(query: Compilable): Query {
  return { ...compile(query), required: true }
}
