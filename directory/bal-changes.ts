import { type Compilable, type Database, required, STALE } from '../config/index.ts'
import { BalFault } from './bal-fault.ts'
import { columnsOf, deleteParts, insertParts, readBals } from './bal-rows.ts'
import { checkCertificate, checkChanges, checkNewBal } from './bal-rules.ts'
import { type BalRow, balTables as build } from './bal-schema.ts'
import { BAL_RULES, type Bal, type BalChanges, type NewBal } from './bal-types.ts'
import type { BalsOptions } from './bals.ts'
import { publicationRows } from './fhir/publication-rows.ts'

/** What a change does to the box that was read; undefined when there is nothing to do. */
export type BalChange = (bal: Bal, by: string) => Plan | undefined | Promise<Plan | undefined>

interface Plan {
  action: string
  set?: Partial<BalRow>
  also?: readonly (Compilable | ReturnType<typeof required>)[]
  detail?: Record<string, string>
}

/** Two at once are sorted out by the second attempt; more than these are no coincidence. */
const ATTEMPTS = 5
const LISTS = ['structures', 'holders', 'purposes'] as const
const MAX_BY = 100

/** How boxes change: read, judged, then written upon the revision that was read, with the audit line, or not at all. */
export function openBalChanges(db: Database, { now, audit }: Pick<BalsOptions, 'now' | 'audit'>) {
  async function create(input: NewBal, passwordHash: string, by: string): Promise<void> {
    checkBy(by)
    const bal = checkNewBal(input)
    const { address, type } = bal
    const row = { address, type, ...columnsOf(bal), password_hash: passwordHash, created_at: now(), revision: 1 }
    const line = audit.line({ by, action: 'box.create', object: address, detail: shown(bal, input) })
    try {
      await db.atomically([
        build.insertInto('bal').values(row),
        ...deleteParts(address, ['purposes']),
        ...insertParts(bal, LISTS, { by, at: now() }),
        ...publicationRows({ address, at: now() }),
        line,
      ])
    } catch (cause) {
      const [known] = await readBals(db, address)
      if (!known) throw cause
      const why = known.bal.closedAt === undefined ? `There is already a box ${address}` : `${address} was closed, and is never given again`
      throw new BalFault('address-taken', why, { cause, field: 'address' })
    }
  }

  async function make(address: string, change: BalChange, by: string, revision?: number): Promise<void> {
    checkBy(by)
    for (let attempt = 1; ; attempt++) {
      const [found] = await readBals(db, address)
      if (!found) throw new BalFault('unknown-box', `There is no box ${address}`)
      const { bal } = found
      if (revision !== undefined && revision !== bal.revision) throw new BalFault('revision', `${address} has changed in the meantime`)
      if (bal.closedAt !== undefined) throw new BalFault('closed', `${address} is closed, for ever`)
      const plan = await change(bal, by)
      if (!plan) return
      try {
        const line = audit.line({ by, object: address, ...auditOf(plan) })
        await db.atomically([claim(bal, plan.set), ...(plan.also ?? []), ...publicationRows({ address, at: now() }), line])
        return
      } catch (error) {
        if ((error as Error).message !== STALE) throw error
        if (attempt === ATTEMPTS) throw new BalFault('revision', `${address} is being changed by others: try again`, { cause: error })
        // Somebody was faster: look again.
      }
    }
  }

  function claim({ address, revision }: Bal, set: Partial<BalRow> = {}) {
    const update = build.updateTable('bal').set({ ...set, revision: revision + 1 })
    return required(update.where('address', '=', address).where('revision', '=', revision).returning('address'))
  }

  const once = (action: string, column: 'declared_at' | 'suspended_at', field: 'declaredAt' | 'suspendedAt') => (): BalChange => bal =>
    bal[field] === undefined ? { action, set: { [column]: now() } } : undefined
  const undo = (action: string, column: 'declared_at' | 'suspended_at', field: 'declaredAt' | 'suspendedAt') => (): BalChange => bal =>
    bal[field] === undefined ? undefined : { action, set: { [column]: null } }

  const fields =
    (asked: BalChanges): BalChange =>
    (bal, by) => {
      const { after, changed } = checkChanges(bal, asked)
      if (changed.length === 0) return undefined
      const lists = LISTS.filter(list => changed.includes(list))
      return {
        action: 'box.change',
        set: columnsOf(after),
        also: [...deleteParts(bal.address, lists), ...insertParts(after, lists, { by, at: now() })],
        detail: shown(after, Object.fromEntries(changed.map(field => [field, true]))),
      }
    }

  const close = (): BalChange => bal => ({
    action: 'box.close',
    set: { closed_at: now(), password_hash: '' },
    also: [
      ...deleteParts(bal.address, ['delegates', 'certificates']),
      build.deleteFrom('bal_delegate').where('delegate', '=', bal.address), // what it could write as
    ],
  })

  /** The delegate is looked at by the transaction itself: he may be closed meanwhile. */
  const addDelegate =
    (delegate: string): BalChange =>
    async bal => {
      if (!BAL_RULES[bal.type].delegation) throw new BalFault('delegate', `Nobody else writes as a ${bal.type} box`)
      const [other] = await readBals(db, delegate)
      if (other?.bal.type !== 'PER' || other.bal.closedAt !== undefined) {
        throw new BalFault('delegate', `${delegate} is not an open PER box hosted here`)
      }
      if (bal.delegates.includes(delegate)) return undefined
      const open = build.selectFrom('bal').select('address').where('address', '=', delegate).where('closed_at', 'is', null)
      return {
        action: 'box.delegate-add',
        also: [required(open), build.insertInto('bal_delegate').values({ address: bal.address, delegate })],
        detail: { delegate },
      }
    }

  const removeDelegate =
    (delegate: string): BalChange =>
    bal => {
      if (!bal.delegates.includes(delegate)) return undefined
      const gone = build.deleteFrom('bal_delegate').where('address', '=', bal.address).where('delegate', '=', delegate)
      return { action: 'box.delegate-remove', also: [gone], detail: { delegate } }
    }

  const addCertificate =
    (text: string): BalChange =>
    bal => {
      const { dn, key } = checkCertificate(bal, text)
      if (bal.certificates.some(known => checkCertificate(bal, known).key === key)) return undefined
      const added = build.insertInto('bal_certificate').values({ address: bal.address, dn, dn_key: key })
      return { action: 'box.certificate-add', also: [added], detail: { dn } }
    }

  const removeCertificate =
    (text: string): BalChange =>
    bal => {
      const { dn, key } = checkCertificate(bal, text)
      if (!bal.certificates.some(known => checkCertificate(bal, known).key === key)) return undefined
      const gone = build.deleteFrom('bal_certificate').where('address', '=', bal.address).where('dn_key', '=', key)
      return { action: 'box.certificate-remove', also: [gone], detail: { dn } }
    }

  return {
    create,
    make,
    fields,
    close,
    addDelegate,
    removeDelegate,
    addCertificate,
    removeCertificate,
    declare: once('box.declare', 'declared_at', 'declaredAt'),
    retract: undo('box.retract', 'declared_at', 'declaredAt'),
    suspend: once('box.suspend', 'suspended_at', 'suspendedAt'),
    resume: undo('box.resume', 'suspended_at', 'suspendedAt'),
    password:
      (passwordHash: string): BalChange =>
      () => ({ action: 'box.password', set: { password_hash: passwordHash } }),
  }
}

function auditOf({ action, detail }: Plan) {
  return detail ? { action, detail } : { action }
}

/** @returns what the audit log shows of these fields of a box */
function shown(bal: object, fields: object): Record<string, string> {
  const values = Object.keys(fields).filter(field => field !== 'address')
  return Object.fromEntries(values.map(field => [field, text((bal as Record<string, unknown>)[field])]))
}

function text(value: unknown): string {
  if (value === undefined) return ''
  return Array.isArray(value) ? value.join(' ') : String(value)
}

function checkBy(by: string): void {
  if (by.trim() === '' || by.length > MAX_BY || /\p{Cc}/u.test(by))
    throw new BalFault('by', 'Who makes the change must be said, in one line')
}
