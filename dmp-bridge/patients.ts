import { createHmac, randomBytes } from 'node:crypto'
import type { Database } from '../config/database/index.ts'
import type { DmpFailure, DmpPatient, DmpStatus } from './dmp.ts'
import type { Ins, PatientFacts } from './facts.ts'
import { bridge } from './filing-tables.ts'
import type { Timing } from './timing.ts'
import { agree, canonicalTraits, confirm } from './traits.ts'

export interface Patients {
  /**
   * @param ask TD0.2, called only when nothing fresh is known of this patient with these traits
   * @returns the status of his DMP; `other-traits` when the DMP knows another person under this INS, `unconfirmed-traits` when
   * it doesn't say enough of an active one to tell; neither is remembered
   */
  check(
    ins: Ins,
    traits: PatientFacts,
    ask: () => Promise<DmpPatient | DmpFailure>,
  ): Promise<{ kind: 'status'; status: DmpStatus } | { kind: 'other-traits' } | { kind: 'unconfirmed-traits' } | DmpFailure>
  /** The patient was the fault of a refusal: ask anew next time. */
  forget(ins: Ins): Promise<void>
}

interface Known {
  status: DmpStatus
  /** keyed hash of the traits that were compared with the DMP's */
  traits: string
  askedAt: number
}

const REMEMBERED = 10_000

/**
 * Whose DMP is known to be active: TD0.2 is asked only when we don't know (never before every feed). Patients and traits are kept as
 * keyed hashes: fifteen digits are too few for a bare one to hide anything.
 * @param options.secret key of that hash, kept outside the database; without one the answers live in memory only
 */
export function openPatients(db: Database, options: { secret: Buffer | undefined; now: () => number; timing: Timing }): Patients {
  const { now, timing } = options
  const secret = options.secret ?? randomBytes(32)
  const memory = new Map<string, Known>()
  const hash = (text: string) => createHmac('sha256', secret).update(text).digest('base64url')
  const keyOf = (ins: Ins) => hash(`ins ${ins.matricule}^${ins.oid}`)
  const isFresh = ({ status, askedAt }: Known) => now() - askedAt < (status === 'active' ? timing.activeMs : timing.inactiveMs)

  async function stored(key: string): Promise<Known | undefined> {
    if (!options.secret) return undefined
    const [row] = await db.run(bridge.selectFrom('dmp_status').selectAll().where('patient', '=', key))
    return row && { status: row.status as DmpStatus, traits: row.traits, askedAt: row.asked_at }
  }

  function keep(key: string, known: Known): void {
    const oldest = memory.size >= REMEMBERED ? memory.keys().next().value : undefined
    if (oldest !== undefined) memory.delete(oldest)
    memory.set(key, known)
  }

  async function learn(key: string, known: Known): Promise<void> {
    keep(key, known)
    if (!options.secret) return
    const row = { status: known.status, traits: known.traits, asked_at: known.askedAt }
    const insert = bridge.insertInto('dmp_status').values({ patient: key, ...row })
    await db.run(insert.onConflict(conflict => conflict.column('patient').doUpdateSet(row)))
  }

  return {
    check: async (ins, traits, ask) => {
      const key = keyOf(ins)
      const traitsHash = hash(`traits ${canonicalTraits(traits)}`)
      const known = memory.get(key) ?? (await stored(key))
      if (known && isFresh(known) && known.traits === traitsHash) {
        keep(key, known)
        return { kind: 'status', status: known.status }
      }
      const answer = await ask()
      if (answer.kind !== 'status') return answer
      if (!agree(answer.traits, traits)) return { kind: 'other-traits' }
      if (answer.status === 'active' && !confirm(answer.traits, traits)) return { kind: 'unconfirmed-traits' }
      await learn(key, { status: answer.status, traits: traitsHash, askedAt: now() })
      return { kind: 'status', status: answer.status }
    },
    forget: async ins => {
      const key = keyOf(ins)
      memory.delete(key)
      if (options.secret) await db.run(bridge.deleteFrom('dmp_status').where('patient', '=', key))
    },
  }
}
