import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../../../config/index.ts'
import { consoleTables as build, type ConsoleTables } from './tables.ts'

/** Who is signed in. */
export interface Person {
  kind: ConsoleTables['console_session']['kind']
  /** of the operator; or the professional's national id */
  name: string
}

const MINUTE = 60_000
/** A page that nobody uses, on a desk that anybody passes. */
export const IDLE_MS = 30 * MINUTE
/** A working day, however busy. */
export const LONGEST_MS = 12 * 60 * MINUTE
/** Not each click is written down. */
const SEEN_EVERY_MS = MINUTE

export interface Sessions {
  /** @returns the cookie of a new session; nothing that a browser brought becomes one */
  begin(person: Person): Promise<string>
  /** @param isUse a person's own act, which keeps the session alive; a page that refreshes itself is none */
  find(cookie: string, isUse: boolean): Promise<Person | undefined>
  end(cookie: string): Promise<void>
}

/** @param options.now milliseconds */
export function openSessions(db: Database, { now }: { now: () => number }): Sessions {
  return {
    async begin({ kind, name }) {
      const cookie = randomBytes(32).toString('base64url')
      const row = { id_hash: hashOf(cookie), kind, name, began_at: now(), seen_at: now() }
      const ended = build
        .deleteFrom('console_session')
        .where(eb => eb.or([eb('began_at', '<=', now() - LONGEST_MS), eb('seen_at', '<=', now() - IDLE_MS)]))
      await db.atomically([ended, build.insertInto('console_session').values(row)])
      return cookie
    },

    async find(cookie, isUse) {
      const alive = build.selectFrom('console_session').selectAll().where('id_hash', '=', hashOf(cookie))
      const [row] = await db.run(alive.where('began_at', '>', now() - LONGEST_MS).where('seen_at', '>', now() - IDLE_MS))
      if (!row) return undefined
      if (isUse && now() - row.seen_at >= SEEN_EVERY_MS)
        await db.run(build.updateTable('console_session').set({ seen_at: now() }).where('id_hash', '=', row.id_hash))
      return { kind: row.kind, name: row.name }
    },

    async end(cookie) {
      await db.run(build.deleteFrom('console_session').where('id_hash', '=', hashOf(cookie)))
    },
  }
}

function hashOf(cookie: string): string {
  return createHash('sha256').update(cookie).digest('hex')
}
