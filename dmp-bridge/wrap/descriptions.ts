import { createHmac } from 'node:crypto'
import type { Compilable, Database } from '../../config/database/index.ts'
import { openBlob, sealBlob } from '../../crypto/index.ts'
import { bridge, type FilingRow } from '../filing-tables.ts'
import { type Description, descriptionSchema } from './description.ts'

export type DescribedFiling = Pick<FilingRow, 'id' | 'message_id'>

/** What humans have said of files without identity. Names and numbers of patients lie in their rows only sealed. */
export interface Descriptions {
  /** undefined: without a key nothing is kept, so nothing can be described */
  readonly canKeep: boolean
  /** What writes a description in place of an earlier one, in the transaction of the order. */
  saving(filing: DescribedFiling, description: Description, at: number): Compilable[]
  /** @returns undefined when there is none, or the key has changed */
  read(filingId: string): Promise<{ description: Description; describedAt: number } | undefined>
  has(filingId: string): Promise<boolean>
  /** @returns whether another file of the same message was described as somebody else's (ECO.2.1.1: one patient a message) */
  isOfAnother(filing: DescribedFiling, description: Description): Promise<boolean>
  /** @returns whether the document made of it is the one that was made before, or the first */
  isSame(filingId: string, sha256: string): Promise<boolean>
  /** Forgets what is needed no longer: filed, given up, or its bytes gone. What tells two patients of a message apart stays as long as its bytes. */
  clear(): Promise<void>
}

function patientHash(secret: Buffer, messageId: string, { patient }: Description): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify(['described patient', messageId, patient.ins, patient.oid]))
    .digest('base64')
}

const PURPOSE = 'dmp description'

/** @param options.secret key of 32 octets outside the database */
export function openDescriptions(db: Database, { secret }: { secret?: Buffer | undefined }): Descriptions {
  const row = async (id: string) => (await db.run(bridge.selectFrom('filing_description').selectAll().where('filing_id', '=', id)))[0]

  return {
    canKeep: secret !== undefined,

    saving({ id: filingId, message_id: messageId }, description, at) {
      if (!secret) throw new Error('a description needs a key to be kept')
      const place = { purpose: PURPOSE, context: filingId }
      const sealed = sealBlob(secret, place, Buffer.from(JSON.stringify(description))).toString('base64')
      return [
        bridge.deleteFrom('filing_description').where('filing_id', '=', filingId),
        bridge
          .insertInto('filing_description')
          .values({ filing_id: filingId, sealed, described_at: at, patient: patientHash(secret, messageId, description), wrapped: null }),
      ]
    },

    async read(filingId) {
      const kept = await row(filingId)
      if (!secret || !kept?.sealed) return undefined
      const bytes = openBlob(secret, { purpose: PURPOSE, context: filingId }, Buffer.from(kept.sealed, 'base64'))
      const parsed = bytes && descriptionSchema.safeParse(JSON.parse(bytes.toString()))
      return parsed?.success ? { description: parsed.data, describedAt: kept.described_at } : undefined
    },

    async has(filingId) {
      return Boolean((await row(filingId))?.sealed)
    },

    async isOfAnother({ id, message_id: messageId }, description) {
      if (!secret) return false
      const others = bridge
        .selectFrom('filing_description')
        .innerJoin('filing', 'filing.id', 'filing_description.filing_id')
        .select('filing_description.patient')
        .where('filing.message_id', '=', messageId)
        .where('filing.id', '<>', id)
        .where('filing.reasons', 'not like', '%"given-up"%')
      const own = patientHash(secret, messageId, description)
      return (await db.run(others)).some(({ patient }) => patient !== own)
    },

    async isSame(filingId, sha256) {
      const first = bridge.updateTable('filing_description').set({ wrapped: sha256 }).where('filing_id', '=', filingId)
      await db.run(first.where('wrapped', 'is', null))
      return (await row(filingId))?.wrapped === sha256
    },

    async clear() {
      await db.run(
        bridge
          .updateTable('filing_description')
          .set({ sealed: '' })
          .where('sealed', '<>', '')
          .where(description =>
            description.exists(
              description
                .selectFrom('filing')
                .select('filing.id')
                .whereRef('filing.id', '=', 'filing_description.filing_id')
                .where(eb =>
                  eb.or([eb('filing.state', 'not in', ['pending', 'held', 'refused']), eb('filing.reasons', 'like', '%"given-up"%')]),
                ),
            ),
          ),
      )
      await db.run(
        bridge
          .deleteFrom('filing_description')
          .where(description =>
            description.exists(
              description
                .selectFrom('filing')
                .innerJoin('inbox', 'inbox.message_id', 'filing.message_id')
                .select('filing.id')
                .whereRef('filing.id', '=', 'filing_description.filing_id')
                .where('inbox.state', '=', 'released'),
            ),
          ),
      )
    },
  }
}
