import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'

/** One SQL statement and its parameters, as Kysely compiles it. */
export interface Query {
  readonly sql: string
  readonly parameters: readonly unknown[]
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
  const { sql, parameters } = 'compile' in query ? query.compile() : query
  return { sql, parameters }
}
