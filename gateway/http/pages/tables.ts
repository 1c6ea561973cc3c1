import { type Migration, tables } from '../../../config/index.ts'

export const consoleMigrations: Migration[] = [
  {
    id: 'console-1',
    up: [
      // People of the operator who may use the pages. The secret of their codes is sealed; the key lies beside the database.
      `CREATE TABLE console_operator (
        name TEXT NOT NULL PRIMARY KEY, password TEXT NOT NULL, totp TEXT NOT NULL, recovery TEXT, may_read INTEGER NOT NULL,
        last_step BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL)`,
      // Who is signed in. The cookie itself is not here: who reads the rows is not signed in as anybody.
      `CREATE TABLE console_session (
        id_hash TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, began_at BIGINT NOT NULL, seen_at BIGINT NOT NULL)`,
      // the sweep of those that have ended
      'CREATE INDEX console_session_began ON console_session (began_at)',
    ],
  },
]

export interface ConsoleTables {
  console_operator: {
    name: string
    /** argon2id */
    password: string
    /** sealed, base32 */
    totp: string
    /** SHA-256 of the recovery sentence; null once it was used */
    recovery: string | null
    /** whether he may see whom a document is about */
    may_read: number
    /** RFC 6238 §5.2: a code is taken once; the time step of the last one */
    last_step: number
    created_at: number
    created_by: string
  }
  console_session: {
    /** SHA-256 of the cookie */
    id_hash: string
    kind: 'operator' | 'professional'
    /** of the operator; or the professional's national id */
    name: string
    began_at: number
    seen_at: number
  }
}

export const consoleTables = tables<ConsoleTables>()
