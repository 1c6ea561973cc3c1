import { createHmac } from 'node:crypto'
import type { Database } from '../config/database/index.ts'
import { bridge } from './filing-tables.ts'
import type { Feeding } from './opposition-message.ts'

/** `unreadable`: statements were recorded under another key, so what patients said cannot be looked up: nothing may be filed. */
export type Opposition = Feeding | 'unreadable' | undefined

/** What is recorded of one patient. */
export interface NewStatement {
  matricule: string
  feeding: Feeding
  /** milliseconds since epoch */
  saidAt: number
  /** What lifts an opposition must be about a checked identity; what opposes is taken of any. */
  validated: boolean
}

export interface Oppositions {
  /** @returns what the patient said last; undefined when nothing is recorded of him */
  of(matricule: string): Promise<Opposition>
  /** @returns how a patient is named where his number may not stand, as in an audit log: under the register's key */
  markOf(matricule: string): string
  /**
   * Records what patients said. An older statement never replaces a newer one; one that is dated later than now was said now, or nothing said
   * before that date would replace it.
   * @param by who records it; many are recorded in portions
   * @returns how many changed something
   * @throws when the register is kept under another key: with two it could never be read again
   */
  record(statements: readonly NewStatement[], by: string): Promise<number>
}

const NO_KEY = 'The register of oppositions has no key'
/** One transaction holds the database up no longer than this takes. */
const PORTION = 500

/**
 * The register of those who oppose the feeding of their DMP (art. R1111-47 CSP: kept by who feeds, outside the DMP). It holds for all boxes of
 * the operator: an opposition said to one establishment holds the documents of another, which a human may then clear up; the reverse
 * could not be mended. Patients stand in it under a keyed hash of their number, whatever its authority.
 * @param options.secret key of that hash, kept outside the database; without one nothing can be recorded or looked up
 */
export function openOppositions(db: Database, options: { secret: Buffer | undefined; now: () => number }): Oppositions {
  const { secret, now } = options
  const hash = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest('base64url')
  const patientOf = (key: Buffer, matricule: string) => hash(key, `opposition ${matricule}`)
  const checkOf = (key: Buffer) => hash(key, 'opposition register')
  const keyChecks = async () => (await db.run(bridge.selectFrom('opposition_key').select('key_check'))).map(({ key_check }) => key_check)

  return {
    async of(matricule) {
      const keys = await keyChecks()
      if (keys.length === 0) return undefined
      if (!secret || keys.some(key => key !== checkOf(secret))) return 'unreadable'
      const [row] = await db.run(bridge.selectFrom('opposition').select('feeding').where('patient', '=', patientOf(secret, matricule)))
      return row?.feeding
    },

    markOf(matricule) {
      if (!secret) throw new Error(NO_KEY)
      return `patient:${hash(secret, `mark ${matricule}`).slice(0, 22)}`
    },

    async record(statements, by) {
      if (!secret) throw new Error(NO_KEY)
      let recorded = 0
      for (let at = 0; at < statements.length; at += PORTION) recorded += await recordSome(secret, statements.slice(at, at + PORTION), by)
      return recorded
    },
  }

  async function recordSome(secret: Buffer, statements: readonly NewStatement[], by: string): Promise<number> {
    if ((await keyChecks()).some(key => key !== checkOf(secret)))
      throw new Error('The register of oppositions is kept under another key: put patients.key back')
    const check = bridge.insertInto('opposition_key').values({ key_check: checkOf(secret) })
    const results = await db.atomically([
      check.onConflict(conflict => conflict.column('key_check').doNothing()),
      ...statements.map(({ matricule, feeding, saidAt: datedAt, validated }) => {
        const saidAt = Math.min(datedAt, now())
        const columns = { feeding, said_at: saidAt, recorded_at: now(), recorded_by: by }
        return bridge
          .insertInto('opposition')
          .values({ patient: patientOf(secret, matricule), ...columns })
          .onConflict(conflict =>
            conflict
              .column('patient')
              .doUpdateSet(columns)
              .where(({ eb, and, or, val }) =>
                or([
                  eb('opposition.said_at', '<', saidAt),
                  and([eb('opposition.said_at', '=', saidAt), eb(val(feeding), '=', 'IO'), eb('opposition.feeding', '<>', 'IO')]), // of two said at once, the one that holds
                ]),
              )
              .where(({ eb, val, or }) =>
                or([eb(val(validated ? 1 : 0), '=', 1), eb(val(feeding), '=', 'IO'), eb('opposition.feeding', '<>', 'IO')]),
              ),
          )
          .returning('patient')
      }),
    ])
    return results.slice(1).filter(rows => rows.length > 0).length
  }
}
