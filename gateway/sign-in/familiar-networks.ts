import { type Compilable, type Database, type Migration, tables } from '../../config/index.ts'
import { FAMILIAR } from './limits.ts'

export const signInMigrations: Migration[] = [
  {
    id: 'sign-in-1-networks',
    up: [
      // Where each box has signed in from. The key serves both questions: is this one known, and which are the oldest of a box.
      `CREATE TABLE sign_in_network (
        address TEXT NOT NULL,
        network TEXT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (address, network)
      )`,
    ],
  },
]

interface Tables {
  sign_in_network: { address: string; network: string; last_at: number }
}

const build = tables<Tables>()
const MOST_REMEMBERED = 10_000

/** The networks where boxes have signed in, so that their failures elsewhere don't close these to them. */
export interface FamiliarNetworks {
  has(address: string, network: string): Promise<boolean>
  /** A sign-in that succeeded. Durable when it resolves. */
  saw(address: string, network: string): Promise<void>
}

/** @param options.now milliseconds */
export function openFamiliarNetworks(db: Database, { now }: { now(): number }): FamiliarNetworks {
  /** When a pair was written last, as far as this process remembers. */
  const written = new Map<string, number>()
  const remember = (key: string, at: number) => {
    if (written.size >= MOST_REMEMBERED) written.clear()
    written.set(key, at)
  }

  return {
    async has(address, network) {
      const oldest = now() - FAMILIAR.forgottenAfter
      const key = `${address} ${network}`
      if ((written.get(key) ?? Number.NEGATIVE_INFINITY) > oldest) return true
      const query = build.selectFrom('sign_in_network').select('last_at').where('address', '=', address).where('network', '=', network)
      const [row] = await db.run(query)
      const at = Number(row?.last_at ?? Number.NEGATIVE_INFINITY)
      if (at > oldest) remember(key, at)
      return at > oldest
    },

    async saw(address, network) {
      const at = now()
      const key = `${address} ${network}`
      if (at - (written.get(key) ?? Number.NEGATIVE_INFINITY) < FAMILIAR.renewedAfter) return
      await db.atomically([upsert({ address, network, last_at: at }), withoutOldest(address, at)])
      remember(key, at)
    },
  }
}

function upsert(row: Tables['sign_in_network']): Compilable {
  return build
    .insertInto('sign_in_network')
    .values(row)
    .onConflict(conflict => conflict.columns(['address', 'network']).doUpdateSet({ last_at: row.last_at }))
}

function withoutOldest(address: string, at: number): Compilable {
  const latest = build
    .selectFrom('sign_in_network')
    .select('network')
    .where('address', '=', address)
    .where('last_at', '>', at - FAMILIAR.forgottenAfter)
    .orderBy('last_at', 'desc')
    .orderBy('network')
    .limit(FAMILIAR.most)
  return build.deleteFrom('sign_in_network').where('address', '=', address).where('network', 'not in', latest)
}
