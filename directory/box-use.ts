import { type Database, type Migration, type Statement, tables } from '../config/index.ts'

/** What a box is for, as its operator or its owner says: a letter that lands in the wrong box is read late, or never. */
export const PURPOSES = ['referrals', 'discharge-reports', 'results', 'secretariat'] as const
export type Purpose = (typeof PURPOSES)[number]

export const boxUseMigrations: Migration[] = [
  {
    id: 'directory-use-1',
    up: [
      // Of boxes that we have written to. Never of patients: when they read is nobody's statistics.
      `CREATE TABLE box_use (
        address TEXT NOT NULL PRIMARY KEY, received_at BIGINT, acknowledged_at BIGINT, refused_at BIGINT, unread_since BIGINT)`,
      `CREATE TABLE box_purpose (
        address TEXT NOT NULL, purpose TEXT NOT NULL, said_by TEXT NOT NULL, said_at BIGINT NOT NULL, PRIMARY KEY (address, purpose))`,
    ],
  },
]

/** When a box last gave a sign of life, milliseconds since epoch. */
export interface Signs {
  /** Its operator said that a message was delivered. */
  receivedAt?: number
  /** Somebody, or a software, has read or processed one. */
  acknowledgedAt?: number
  /** Its operator refused a message for good. */
  refusedAt?: number
}

export interface BoxUse extends Signs {
  address: string
  purposes: readonly Purpose[]
  /** The first message since the last acknowledgement. */
  unreadSince?: number
}

/** `refuses`: the last thing that its operator said of it was no; `unread`: it takes messages, and nothing tells that anybody reads. */
export type StaleBox = BoxUse & { why: 'refuses' | 'unread' }

interface UseRow {
  address: string
  received_at: number | null
  acknowledged_at: number | null
  refused_at: number | null
  unread_since: number | null
}

interface Tables {
  box_use: UseRow
  box_purpose: { address: string; purpose: Purpose; said_by: string; said_at: number }
}

const sql = tables<Tables>()

export type BoxUses = ReturnType<typeof openBoxUses>

/** What each box is for, and when it was last alive. Addresses are given in lower case. */
export function openBoxUses(db: Database, { now }: { now(): number }) {
  async function purposesOf(addresses: readonly string[]): Promise<Map<string, Purpose[]>> {
    if (addresses.length === 0) return new Map()
    const said = await db.run(sql.selectFrom('box_purpose').selectAll().where('address', 'in', addresses).orderBy('purpose'))
    const purposes = new Map<string, Purpose[]>()
    for (const { address, purpose } of said) purposes.set(address, [...(purposes.get(address) ?? []), purpose])
    return purposes
  }

  async function usesOf(addresses: readonly string[]): Promise<Map<string, BoxUse>> {
    if (addresses.length === 0) return new Map()
    const rows = await db.run(sql.selectFrom('box_use').selectAll().where('address', 'in', addresses))
    const purposes = await purposesOf(addresses)
    const signs = new Map(rows.map(row => [row.address, signsOf(row)]))
    const known = addresses.filter(address => signs.has(address) || purposes.has(address))
    return new Map(known.map(address => [address, { address, purposes: purposes.get(address) ?? [], ...signs.get(address) }]))
  }

  return {
    /** Notes signs of life; a sign seen twice, or late, changes nothing. */
    async see(signs: ReadonlyMap<string, Signs>): Promise<void> {
      const known = await usesOf([...signs.keys()])
      await db.atomically([...signs].map(([address, sign]) => upsert(address, merged(known.get(address), sign))))
    },

    /** @returns what is known of these boxes; those of which nothing is known are not among them */
    of: usesOf,

    /** @returns the time of the latest sign of any box; 0 when there is none */
    async latest(): Promise<number> {
      const [row] = await db.run(
        sql.selectFrom('box_use').select(({ fn }) => [fn.max('received_at').as('received'), fn.max('acknowledged_at').as('acknowledged')]),
      )
      return Math.max(Number(row?.received ?? 0), Number(row?.acknowledged ?? 0))
    },

    /** Replaces what a box is said to be for. @param by who says so */
    async say(address: string, purposes: readonly Purpose[], by: string): Promise<void> {
      const rows = [...new Set(purposes)].map(purpose => ({ address, purpose, said_by: by, said_at: now() }))
      const queries: Statement[] = [sql.deleteFrom('box_purpose').where('address', '=', address)]
      await db.atomically(rows.length > 0 ? [...queries, sql.insertInto('box_purpose').values(rows)] : queries)
    },

    /**
     * @param before boxes that have not acknowledged a message that they took before this time
     * @returns the boxes that letters should not be sent to without a second look, the longest silent first
     */
    async stale(before: number): Promise<StaleBox[]> {
      const rows = await db.run(
        sql
          .selectFrom('box_use')
          .selectAll()
          .where(({ eb, or, fn, val }) =>
            or([
              eb('unread_since', '<', before),
              eb.and([
                eb('refused_at', '>', fn.coalesce('received_at', val(0))),
                eb('refused_at', '>', fn.coalesce('acknowledged_at', val(0))),
              ]),
            ]),
          )
          .orderBy('unread_since')
          .orderBy('address'),
      )
      const purposes = await purposesOf(rows.map(({ address }) => address))
      return rows.map(row => ({
        address: row.address,
        purposes: purposes.get(row.address) ?? [],
        ...signsOf(row),
        why: row.unread_since !== null && row.unread_since < before ? 'unread' : 'refuses',
      }))
    },
  }
}

/** The latest time of each sign; an acknowledgement covers what came before it. */
function merged(known: BoxUse | undefined, signs: Signs): Signs & { unreadSince?: number } {
  const receivedAt = latest(known?.receivedAt, signs.receivedAt)
  const acknowledgedAt = latest(known?.acknowledgedAt, signs.acknowledgedAt)
  const refusedAt = latest(known?.refusedAt, signs.refusedAt)
  const isUnread = (at: number | undefined): at is number => at !== undefined && at > (acknowledgedAt ?? 0)
  const unreadSince = [known?.unreadSince, signs.receivedAt].find(isUnread)
  return {
    ...(receivedAt !== undefined && { receivedAt }),
    ...(acknowledgedAt !== undefined && { acknowledgedAt }),
    ...(refusedAt !== undefined && { refusedAt }),
    ...(unreadSince !== undefined && { unreadSince }),
  }
}

function latest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter(time => time !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}

function upsert(address: string, use: Signs & { unreadSince?: number }): Statement {
  const columns = {
    received_at: use.receivedAt ?? null,
    acknowledged_at: use.acknowledgedAt ?? null,
    refused_at: use.refusedAt ?? null,
    unread_since: use.unreadSince ?? null,
  }
  return sql
    .insertInto('box_use')
    .values({ address, ...columns })
    .onConflict(conflict => conflict.column('address').doUpdateSet(columns))
}

function signsOf(row: UseRow): Signs & { unreadSince?: number } {
  return {
    ...(row.unread_since !== null && { unreadSince: Number(row.unread_since) }),
    ...(row.received_at !== null && { receivedAt: Number(row.received_at) }),
    ...(row.acknowledged_at !== null && { acknowledgedAt: Number(row.acknowledged_at) }),
    ...(row.refused_at !== null && { refusedAt: Number(row.refused_at) }),
  }
}
