import { createHash, timingSafeEqual } from 'node:crypto'
import { type Database, type Migration, required, STALE, type Statement, tables } from '../config/index.ts'

export const adminMigrations: Migration[] = [
  {
    id: 'directory-admin-1-token',
    up: [
      // A token is random: its SHA-256 tells nothing of it. A revoked one keeps its name, since the audit log speaks of it.
      `CREATE TABLE admin_token (
        name TEXT NOT NULL PRIMARY KEY,
        sha256 TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT,
        revoked_at BIGINT
      )`,
    ],
  },
]

export interface AdminToken {
  name: string
  /** milliseconds since epoch */
  createdAt: number
  expiresAt?: number
  revokedAt?: number
}

/** A token that cannot be made or revoked; the message is a sentence for the operator. */
export class TokenFault extends Error {
  override readonly name = 'TokenFault'
}

interface TokenRow {
  name: string
  sha256: string
  created_at: number
  expires_at: number | null
  revoked_at: number | null
}

const build = tables<{ admin_token: TokenRow }>()

export interface AdminTokensOptions {
  now: () => number
  /** @returns a secret that nobody can guess */
  newSecret: () => string
  audit: { line(entry: { by: string; action: string; object: string; detail?: Record<string, string> }): Statement }
}

export type AdminTokens = ReturnType<typeof openAdminTokens>

/** Tokens of the administration API. They are shown once, and kept as their SHA-256. */
export function openAdminTokens(db: Database, { now, newSecret, audit }: AdminTokensOptions) {
  const isLive = (row: TokenRow) => row.revoked_at === null && (row.expires_at === null || now() < Number(row.expires_at))

  return {
    /**
     * @param expiresAt milliseconds since epoch; without it the token lives until it is revoked
     * @returns the token, which is kept nowhere
     * @throws TokenFault
     */
    async create(name: string, by: string, expiresAt?: number): Promise<string> {
      if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
        throw new TokenFault('A name has lower-case letters, digits, dots and hyphens, 63 at most')
      const token = `pli_${newSecret()}`
      const row = { name, sha256: digestOf(token).toString('hex'), created_at: now(), expires_at: expiresAt ?? null, revoked_at: null }
      const detail = expiresAt === undefined ? {} : { expires: new Date(expiresAt).toISOString() }
      try {
        await db.atomically([build.insertInto('admin_token').values(row), audit.line({ by, action: 'token.create', object: name, detail })])
      } catch (cause) {
        const known = await db.run(build.selectFrom('admin_token').select('name').where('name', '=', name))
        if (known.length === 0) throw cause
        throw new TokenFault(`There is, or was, a token ${name}: take another name`, { cause })
      }
      return token
    },

    /** @throws TokenFault when no live token has this name */
    async revoke(name: string, by: string): Promise<void> {
      const gone = build.updateTable('admin_token').set({ revoked_at: now() }).where('name', '=', name).where('revoked_at', 'is', null)
      try {
        await db.atomically([required(gone.returning('name')), audit.line({ by, action: 'token.revoke', object: name })])
      } catch (error) {
        throw (error as Error).message === STALE ? new TokenFault(`There is no token ${name} in use`) : error
      }
    },

    async list(): Promise<AdminToken[]> {
      const rows = await db.run(build.selectFrom('admin_token').selectAll().orderBy('name'))
      return rows.map(row => ({
        name: row.name,
        createdAt: Number(row.created_at),
        ...(row.expires_at !== null && { expiresAt: Number(row.expires_at) }),
        ...(row.revoked_at !== null && { revokedAt: Number(row.revoked_at) }),
      }))
    },

    /** Compares with every token, to the end, in constant time. @returns the name of the live token that was shown */
    async holderOf(token: string): Promise<string | undefined> {
      const shown = digestOf(token)
      const rows = await db.run(build.selectFrom('admin_token').selectAll())
      const [holder] = rows.filter(row => timingSafeEqual(Buffer.from(row.sha256, 'hex'), shown)).filter(isLive)
      return holder?.name
    },

    /** @returns the name of a token that was good once, and why it is not any more */
    async formerHolderOf(token: string): Promise<{ name: string; why: 'revoked' | 'expired' } | undefined> {
      const [row] = await db.run(build.selectFrom('admin_token').selectAll().where('sha256', '=', digestOf(token).toString('hex')))
      return row && !isLive(row) ? { name: row.name, why: row.revoked_at === null ? 'expired' : 'revoked' } : undefined
    },
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
