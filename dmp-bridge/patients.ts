import { createHmac, randomBytes } from 'node:crypto'
import type { Database } from '../config/database/index.ts'
import type { DmpFailure, DmpStatus } from './dmp.ts'
import type { Ins } from './facts.ts'
import { bridge } from './filing-tables.ts'
import type { Timing } from './timing.ts'

export interface Patients {
  /** @returns the known status, or the answer of `ask` (TD0.2), which is then remembered */
  status(
    ins: Ins,
    ask: () => Promise<{ kind: 'status'; status: DmpStatus } | DmpFailure>,
  ): Promise<{ kind: 'status'; status: DmpStatus } | DmpFailure>
  /** what a filing taught: it was accepted, or the patient was the fault */
  remember(ins: Ins, status: DmpStatus): Promise<void>
  forget(ins: Ins): Promise<void>
}

const REMEMBERED = 10_000

/**
 * Whose DMP is known to be active: TD0.2 is asked only when we don't know (never before every feed). Patients are kept under a keyed
 * hash: fifteen digits are too few for a bare one to hide anything.
 * @param options.secret key of that hash, kept outside the database; without one the answers live in memory only
 */
export function openPatients(db: Database, options: { secret: Buffer | undefined; now: () => number; timing: Timing }): Patients {
  const { now, timing } = options
  const secret = options.secret ?? randomBytes(32)
  const memory = new Map<string, { status: DmpStatus; askedAt: number }>()
  const keyOf = (ins: Ins) => createHmac('sha256', secret).update(`${ins.matricule}^${ins.oid}`).digest('base64url')
  const isFresh = ({ status, askedAt }: { status: DmpStatus; askedAt: number }) =>
    now() - askedAt < (status === 'active' ? timing.activeMs : timing.inactiveMs)

  async function known(key: string): Promise<DmpStatus | undefined> {
    const here = memory.get(key) ?? (await stored(key))
    return here && isFresh(here) ? here.status : undefined
  }

  async function stored(key: string) {
    if (!options.secret) return undefined
    const [row] = await db.run(bridge.selectFrom('dmp_status').selectAll().where('patient', '=', key))
    if (!row) return undefined
    const found = { status: row.status as DmpStatus, askedAt: row.asked_at }
    keep(key, found)
    return found
  }

  function keep(key: string, found: { status: DmpStatus; askedAt: number }): void {
    const oldest = memory.size >= REMEMBERED ? memory.keys().next().value : undefined
    if (oldest !== undefined) memory.delete(oldest)
    memory.set(key, found)
  }

  async function learn(key: string, status: DmpStatus): Promise<void> {
    keep(key, { status, askedAt: now() })
    if (!options.secret) return
    const row = { status, asked_at: now() }
    const insert = bridge.insertInto('dmp_status').values({ patient: key, ...row })
    await db.run(insert.onConflict(conflict => conflict.column('patient').doUpdateSet(row)))
  }

  return {
    status: async (ins, ask) => {
      const key = keyOf(ins)
      const status = await known(key)
      if (status) return { kind: 'status', status }
      const answer = await ask()
      if (answer.kind === 'status') await learn(key, answer.status)
      return answer
    },
    remember: async (ins, status) => {
      const key = keyOf(ins)
      if ((await known(key)) !== status) await learn(key, status)
    },
    forget: async ins => {
      const key = keyOf(ins)
      memory.delete(key)
      if (options.secret) await db.run(bridge.deleteFrom('dmp_status').where('patient', '=', key))
    },
  }
}
