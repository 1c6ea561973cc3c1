import type { Compilable, Database } from '../../config/database/index.ts'
import { openBlob, sealBlob } from '../../crypto/index.ts'
import { bridge } from '../filing-tables.ts'
import { type Description, descriptionSchema } from './description.ts'

/** What humans have said of files without identity. Names and numbers of patients lie in their rows only sealed. */
export interface Descriptions {
  /** undefined: without a key nothing is kept, so nothing can be described */
  readonly canKeep: boolean
  /** What writes a description in place of an earlier one, in the transaction of the order. */
  saving(filingId: string, description: Description, at: number): Compilable[]
  /** @returns undefined when there is none, or the key has changed */
  read(filingId: string): Promise<{ description: Description; describedAt: number } | undefined>
  has(filingId: string): Promise<boolean>
  /** @returns whether the document made of it is the one that was made before, or the first */
  isSame(filingId: string, sha256: string): Promise<boolean>
  /** Forgets what is needed no longer: filed, given up, or its bytes gone. */
  clear(): Promise<void>
}

const PURPOSE = 'dmp description'

/** @param options.secret key of 32 octets outside the database */
export function openDescriptions(db: Database, { secret }: { secret?: Buffer | undefined }): Descriptions {
  const row = async (id: string) => (await db.run(bridge.selectFrom('filing_description').selectAll().where('filing_id', '=', id)))[0]

  return {
    canKeep: secret !== undefined,

    saving(filingId, description, at) {
      if (!secret) throw new Error('a description needs a key to be kept')
      const place = { purpose: PURPOSE, context: filingId }
      const sealed = sealBlob(secret, place, Buffer.from(JSON.stringify(description))).toString('base64')
      return [
        bridge.deleteFrom('filing_description').where('filing_id', '=', filingId),
        bridge.insertInto('filing_description').values({ filing_id: filingId, sealed, described_at: at, wrapped: null }),
      ]
    },

    async read(filingId) {
      const kept = await row(filingId)
      if (!secret || !kept) return undefined
      const bytes = openBlob(secret, { purpose: PURPOSE, context: filingId }, Buffer.from(kept.sealed, 'base64'))
      const parsed = bytes && descriptionSchema.safeParse(JSON.parse(bytes.toString()))
      return parsed?.success ? { description: parsed.data, describedAt: kept.described_at } : undefined
    },

    async has(filingId) {
      return (await row(filingId)) !== undefined
    },

    async isSame(filingId, sha256) {
      const first = bridge.updateTable('filing_description').set({ wrapped: sha256 }).where('filing_id', '=', filingId)
      await db.run(first.where('wrapped', 'is', null))
      return (await row(filingId))?.wrapped === sha256
    },

    async clear() {
      const settled = bridge.deleteFrom('filing_description').where(description =>
        description.exists(
          description
            .selectFrom('filing')
            .innerJoin('inbox', 'inbox.message_id', 'filing.message_id')
            .select('filing.id')
            .whereRef('filing.id', '=', 'filing_description.filing_id')
            .where(eb =>
              eb.or([
                eb('filing.state', 'not in', ['pending', 'held', 'refused']),
                eb('filing.reasons', 'like', '%"given-up"%'),
                eb('inbox.state', '=', 'released'),
              ]),
            ),
        ),
      )
      await db.run(settled)
    },
  }
}
