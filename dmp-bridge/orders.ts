import { type Compilable, type Database, required, STALE } from '../config/database/index.ts'
import type { Ins } from './facts.ts'
import { isOverrulable } from './filing-reasons.ts'
import { before, bridge, type FilingOrder, type FilingRow, type FilingState, UNCLAIMED, WHOLE_MESSAGE } from './filing-tables.ts'
import { type FilingView, parse, viewOf } from './filing-view.ts'
import { hasValidKey, isInsOid } from './ins.ts'
import { sealPatient } from './sealed-patient.ts'
import { isTypeCode } from './tables.ts'
import { wrappedId } from './wrap/cda-n1.ts'
import { type Description, descriptionSchema } from './wrap/description.ts'
import type { Descriptions } from './wrap/descriptions.ts'
import { DESCRIBABLE } from './wrap/judge.ts'

/**
 * `rechecked`: reasons that a release doesn't cover; the worker judges them anew and holds the document again if they stand.
 * `mayBeFiled`: the document is stopped, but an earlier attempt, whose end nobody knows, may have filed it: look into the DMP.
 */
export type OrderResult = { kind: 'done'; state: FilingState; rechecked: string[]; mayBeFiled?: true } | { kind: 'no'; why: OrderRefusal }

/** `patient-needed`: the bytes are given back, so that the order must name the patient; `bad-ins`: it names none that can be. */
export type OrderRefusal =
  | 'unknown-filing'
  | 'wrong-state'
  | 'being-filed'
  | 'bytes-released'
  | 'same-id-other-bytes'
  | 'already-pending'
  | 'was-deleted'
  | 'patient-needed'
  | 'bad-ins'
  // of `describe`
  | 'bad-description'
  | 'not-describable'
  | 'may-be-filed'
  | 'already-filed'
  | 'no-key'

/** Who gives an order: `cli:<user of the machine>`, `console:<address>`, `link` (a link of an acknowledgement). */
export interface OrderedBy {
  by: string
}

/** One order of a filing's history. */
export interface GivenOrder extends OrderedBy {
  order: FilingOrder
  at: number
}

/**
 * What a human may ask of the filings, from any process: orders only move rows, the worker does the rest. Each is recorded with who gave it,
 * in the transaction that moves the row; one that moves nothing leaves no record.
 */
export interface Orders {
  list(filter?: { state?: FilingState; messageId?: string; limit?: number }): Promise<FilingView[]>
  find(id: string): Promise<FilingView | undefined>
  /** Holds a pending document back (the professional's right, EX_GEN-1060), unless it is on its way. */
  hold(id: string, given: OrderedBy): Promise<OrderResult>
  /** Lets a held document go: it is judged again without the reasons that a human may overrule, then filed. */
  release(id: string, given: OrderedBy): Promise<OrderResult>
  /** Tries a refused document again, or a waiting one now. */
  retry(id: string, given: OrderedBy): Promise<OrderResult>
  /** Gives a held document up; its bytes are no longer kept for it. */
  refuse(id: string, given: OrderedBy): Promise<OrderResult>
  /**
   * Says of a held file that has no identity whose it is and what: the worker then wraps it as a document of its sender, and judges that. It may be
   * said again as long as nothing was sent. What is said is kept sealed, until the document is filed or given up.
   */
  describe(id: string, given: OrderedBy & Description): Promise<OrderResult>
  /**
   * Has a filed document of ours taken out of the DMP again (TD3.3c). It is `deleting` until the DMP has said so, then `deleted`, or `filed`
   * again with the DMP's code; its id is not filed again.
   * @param given.ins the patient, who is known here only while the message's bytes are kept: without him, and without them, `patient-needed`
   */
  delete(id: string, given: OrderedBy & { ins?: Ins }): Promise<OrderResult>
  /** @returns every order that was followed, oldest first */
  history(id: string): Promise<GivenOrder[]>
}

const no = (why: OrderRefusal): OrderResult => ({ kind: 'no', why })

/**
 * @param options.descriptions where `describe` keeps what it is told; without it nothing can be described
 * @param options.secret seals the patient that an order to delete names (`patientKey`); without it no order can name one
 */
export function openOrders(db: Database, options: { now: () => number; descriptions?: Descriptions; secret?: Buffer | undefined }): Orders {
  const { now, secret } = options

  async function row(id: string): Promise<FilingRow | undefined> {
    return (await db.run(bridge.selectFrom('filing').selectAll().where('id', '=', id)))[0]
  }

  /** One order of one person about one filing, as it is carried out. */
  interface Order extends OrderedBy {
    filing: FilingRow
    order: FilingOrder
  }

  function recorded({ filing, order, by }: Order): Compilable {
    return bridge.insertInto('filing_order').values({ filing_id: filing.id, ordered: order, ordered_by: by, ordered_at: now() })
  }

  /** One move along the table; the row must be as it was seen and in nobody's hand. */
  async function move(
    order: Order,
    to: FilingState,
    values: Partial<FilingRow>,
    rechecked: string[] = [],
    also: Compilable[] = [],
  ): Promise<OrderResult> {
    const { filing } = order
    const moving = bridge
      .updateTable('filing')
      .set({ ...values, state: to, told: 0, ...UNCLAIMED })
      .where('id', '=', filing.id)
      .where('state', '=', filing.state)
      .where('state', 'in', before(to))
      .where(eb => eb.or([eb('claimed_by', 'is', null), eb('claimed_until', '<=', now())]))
      .returning('id')
    return (await doneUnlessStale(db.atomically([required(moving), recorded(order), ...also])))
      ? { kind: 'done', state: to, rechecked }
      : no('being-filed')
  }

  /** Stops a document, and says when it may be too late. */
  async function stop(order: Order, to: 'held' | 'refused', reasons: string[]): Promise<OrderResult> {
    if (!mayBeFiled(order.filing)) return move(order, to, settled(reasons))
    const result = await move(order, to, settled([...reasons, 'may-be-filed']))
    return result.kind === 'done' ? { ...result, mayBeFiled: true } : result
  }

  /** Back among the pending, with a new count of days and attempts. */
  async function again(order: Order, overruled: string[], rechecked: string[]): Promise<OrderResult> {
    const { filing } = order
    if (!(await hasBytes(filing))) return no('bytes-released')
    const other = await activeTwin(filing)
    if (other && other.sha256 !== filing.sha256) return no('same-id-other-bytes')
    if (other?.state === 'pending') return no('already-pending')
    if (other?.state === 'deleting' || other?.state === 'deleted') return no('was-deleted')
    if (other) return filing.state === 'held' ? move(order, 'refused', settled(['already-filed'])) : no('wrong-state')
    const unsure = filing.state === 'held' ? mayBeFiled(filing) : parse(filing.reasons).some(reason => UNSURE.includes(reason))
    const answered = JSON.stringify([...new Set(unsure ? [...overruled, 'may-be-filed'] : overruled)])
    return move(order, 'pending', { ...afresh(), overruled: answered }, rechecked)
  }

  function afresh(): Partial<FilingRow> {
    return { reasons: '[]', code: null, attempts: 0, faults: 0, doubts: 0, due_at: now(), next_attempt_at: now(), settled_at: null }
  }

  async function activeTwin(filing: FilingRow): Promise<FilingRow | undefined> {
    if (filing.unique_id === null) return undefined
    const twins = bridge.selectFrom('filing').selectAll().where('unique_id', '=', filing.unique_id).where('id', '<>', filing.id)
    return (await db.run(twins.where('state', 'in', ['pending', 'filed', 'deleting', 'deleted'])))[0]
  }

  async function hasBytes(filing: FilingRow): Promise<boolean> {
    const message = bridge.selectFrom('inbox').select('state').where('message_id', '=', filing.message_id)
    return (await db.run(message))[0]?.state === 'read'
  }

  function sealing(id: string, ins: Ins): Compilable {
    if (!secret) throw new Error('an order that names a patient needs the key that seals him')
    return bridge.insertInto('filing_deletion').values({ filing_id: id, sealed_patient: sealPatient(ins, id, secret) })
  }

  function settled(reasons: string[]): Partial<FilingRow> {
    return { reasons: JSON.stringify(reasons), settled_at: now() }
  }

  /** A message that couldn't be read into documents is simply read again. */
  async function readAgain(order: Order): Promise<OrderResult> {
    const { filing } = order
    if (!(await hasBytes(filing))) return no('bytes-released')
    const unread = { state: 'unread' as const, faults: 0, next_attempt_at: now(), ...UNCLAIMED }
    const gone = bridge.deleteFrom('filing').where('id', '=', filing.id).where('state', '=', 'held').returning('id')
    const back = bridge.updateTable('inbox').set(unread).where('message_id', '=', filing.message_id).where('state', '=', 'read')
    const isDone = await doneUnlessStale(db.atomically([required(gone), back, recorded(order)]))
    return isDone ? { kind: 'done', state: 'pending', rechecked: parse(filing.reasons) } : no('being-filed')
  }

  /** Filed already, or waiting, under whichever message (EX_GEN-1060: what is unchanged is not sent again). */
  async function sameFile(filing: FilingRow): Promise<FilingRow | undefined> {
    const same = bridge.selectFrom('filing').selectAll().where('sha256', '=', filing.sha256).where('id', '<>', filing.id)
    return (await db.run(same.where('unique_id', 'is not', null).where('state', 'in', ['pending', 'filed', 'deleting'])))[0]
  }

  return {
    list: async (filter = {}) => {
      const all = bridge.selectFrom('filing').selectAll().orderBy('created_at', 'desc').orderBy('message_id').orderBy('place')
      const ofState = filter.state ? all.where('state', '=', filter.state) : all
      const some = filter.messageId ? ofState.where('message_id', '=', filter.messageId) : ofState
      return (await db.run(some.limit(filter.limit ?? 1000))).map(viewOf)
    },

    find: async id => {
      const filing = await row(id)
      return filing && viewOf(filing)
    },

    hold: async (id, { by }) => {
      const filing = await row(id)
      if (!filing) return no('unknown-filing')
      if (filing.state !== 'pending') return no('wrong-state')
      return stop({ filing, order: 'hold', by }, 'held', ['author-request'])
    },

    release: async (id, { by }) => {
      const filing = await row(id)
      if (!filing) return no('unknown-filing')
      if (filing.state !== 'held') return no('wrong-state')
      const order: Order = { filing, order: 'release', by }
      if (filing.place === WHOLE_MESSAGE) return readAgain(order)
      const reasons = parse(filing.reasons)
      const overruled = new Set([...parse(filing.overruled), ...reasons.filter(isOverrulable)])
      return again(
        order,
        [...overruled],
        reasons.filter(reason => !isOverrulable(reason)),
      )
    },

    retry: async (id, { by }) => {
      const filing = await row(id)
      if (!filing) return no('unknown-filing')
      const order: Order = { filing, order: 'retry', by }
      if (filing.state === 'refused') return again(order, parse(filing.overruled), [])
      if (filing.state !== 'pending') return no('wrong-state')
      const soon = bridge.updateTable('filing').set({ next_attempt_at: now() }).where('id', '=', id).where('state', '=', 'pending')
      const isDone = await doneUnlessStale(db.atomically([required(soon.returning('id')), recorded(order)]))
      return isDone ? { kind: 'done', state: 'pending', rechecked: [] } : no('wrong-state')
    },

    refuse: async (id, { by }) => {
      const filing = await row(id)
      if (!filing) return no('unknown-filing')
      if (filing.state !== 'held') return no('wrong-state')
      const marks = parse(filing.reasons).filter(reason => reason === 'marked') // they outlive this filing
      return stop({ filing, order: 'refuse', by }, 'refused', ['given-up', ...marks])
    },

    describe: async (id, { by, ...said }) => {
      const filing = await row(id)
      if (!filing) return no('unknown-filing')
      if (filing.state !== 'held') return no('wrong-state')
      const parsed = descriptionSchema.safeParse(said)
      if (!parsed.success) return no('bad-description')
      if (!options.descriptions?.canKeep) return no('no-key')
      const reasons = parse(filing.reasons)
      const isNew = reasons.includes('needs-identity')
      if (!isNew && !(await options.descriptions.has(id))) return no('not-describable')
      if (isNew && !reasons.every(reason => DESCRIBABLE.includes(reason))) return no('not-describable')
      if (mayBeFiled(filing)) return no('may-be-filed') // as somebody else's, then
      if (!(await hasBytes(filing))) return no('bytes-released')
      const same = await sameFile(filing)
      if (same) return no(same.state === 'pending' ? 'already-pending' : 'already-filed')
      const at = now()
      const { message_id: messageId, place, sha256 } = filing
      const uniqueId = wrappedId({ messageId, place, sha256, describedAt: at })
      const overruled = JSON.stringify([...new Set([...parse(filing.overruled), ...reasons.filter(isOverrulable)])])
      const fresh = { reasons: '[]', code: null, attempts: 0, faults: 0, doubts: 0, due_at: at, next_attempt_at: at, settled_at: null }
      const values = { ...fresh, overruled, unique_id: uniqueId, type: isTypeCode(parsed.data.type) ? parsed.data.type : null }
      return move({ filing, order: 'describe', by }, 'pending', values, [], options.descriptions.saving(filing, parsed.data, at))
    },

    delete: async (id, { by, ins }) => {
      const filing = await row(id)
      if (!filing) return no('unknown-filing')
      if (filing.state !== 'filed') return no('wrong-state')
      if (ins && !(hasValidKey(ins.matricule) && isInsOid(ins.oid))) return no('bad-ins')
      if (!ins && !(await hasBytes(filing))) return no('patient-needed')
      const sealed = ins ? [sealing(id, ins)] : []
      return move({ filing, order: 'delete', by }, 'deleting', afresh(), [], sealed)
    },

    history: async id => {
      const orders = bridge.selectFrom('filing_order').selectAll().where('filing_id', '=', id).orderBy('ordered_at')
      return (await db.run(orders)).map(({ ordered, ordered_by, ordered_at }) => ({ order: ordered, by: ordered_by, at: ordered_at }))
    },
  }
}

/** @returns whether the batch was done, all of it; false when its condition did not hold */
async function doneUnlessStale(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof Error && error.message === STALE) return false
    throw error
  }
}

const UNSURE = ['may-be-filed', 'ambiguous']

/** @returns whether anything was begun of which it isn't known that it ended without filing; a new count of attempts forgets nothing */
function mayBeFiled(filing: FilingRow): boolean {
  const begun = filing.attempts > 0 || filing.doubts > 0 || filing.faults > 0 || filing.claimed_by !== null
  return begun || [...parse(filing.overruled), ...parse(filing.reasons)].includes('may-be-filed')
}
