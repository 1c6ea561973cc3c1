import type { Breaker } from './breaker.ts'
import type { BridgeLog } from './bridge-log.ts'
import type { Sender } from './decide.ts'
import type { Dmp, DmpContext, DmpFailure, DmpOutcome } from './dmp.ts'
import type { FoundDocument, Ins } from './facts.ts'
import type { FilingReason } from './filing-reasons.ts'
import type { FilingRow, FilingState } from './filing-tables.ts'
import type { Filings } from './filings.ts'
import { judgeVersions, setOf } from './judging/versions.ts'
import type { Oppositions } from './oppositions.ts'
import { parse } from './orders.ts'
import type { Patients } from './patients.ts'
import { isMarkedElsewhere, type ReaderTools } from './reader.ts'
import { decideFor, sendersOf } from './senders.ts'
import type { SubmissionRequest } from './submission.ts'
import { retryDelay, type Timing } from './timing.ts'
import { mayWrap } from './wrap/judge.ts'
import { type WrappingTools, wrappedFor } from './wrap/wrapped-for.ts'

export interface FilerTools extends Omit<ReaderTools, 'note' | 'dmpConfigured'>, WrappingTools {
  dmp: Dmp | undefined
  patients: Patients
  oppositions: Pick<Oppositions, 'of'>
  /** whether the box still declares that it informs its patients and records oppositions (decision 7) */
  isDeclared(address: string): Promise<boolean>
  breaker: Breaker
  timing: Timing
  filings: Filings
  log: BridgeLog
}

/** What becomes of a filing after one attempt; `sent` when the DMP was asked to take the document. */
type Next =
  | { to: Exclude<FilingState, 'pending' | 'ignored'>; reasons: FilingReason[]; code?: string; sent: boolean }
  | { to: 'pending'; code: string; doubts: number }
  /** somebody else moved it meanwhile: nothing was sent, and the row is theirs */
  | { to: 'theirs' }

/**
 * One attempt to file one claimed document. The bytes are read and judged again: only what was judged is sent, under today's
 * policy. The document keeps its uniqueId, so an attempt that was interrupted after the DMP's commit ends as a duplicate: filed.
 */
export async function fileOne(filing: FilingRow, tools: FilerTools): Promise<void> {
  const next = await attempt(filing, tools)
  if (next.to === 'theirs') return
  if (next.to === 'pending') {
    const nextAttemptAt = tools.now() + retryDelay(tools.timing, filing.attempts + 1)
    return tools.filings.defer(filing, { code: next.code, doubts: next.doubts, nextAttemptAt })
  }
  await tools.filings.settle(filing, next.to, next)
  tools.log.settled(filing.id, filing.message_id, next.to, next.reasons, next.code)
}

async function attempt(filing: FilingRow, tools: FilerTools): Promise<Next> {
  const { dmp } = tools
  if (!dmp) return held('no-dmp-configured')
  const message = await tools.filings.message(filing.message_id)
  if (!message) throw new Error('a filing without its message')
  // A declaration that was taken back meanwhile is obeyed; one that came later does not cover what was sent before.
  const asNow = async (each: Sender) => ({ ...each, declared: each.declared && (await tools.isDeclared(each.address)) })
  const [known, ...more] = sendersOf(message)
  const senders: [Sender, ...Sender[]] = [await asNow(known), ...(await Promise.all(more.map(asNow)))]
  const found = await tools.recognise(await tools.read(filing.message_id), { candidates: mayWrap(known) })
  const place = found.documents[filing.place - 1]
  if (!place && found.faults.length > 0) return held(...found.faults)
  if (!place || place.sha256 !== filing.sha256) return held('bytes-changed')
  const wrapped = await wrappedFor(filing, place, { recognition: found, sender: senders[0], writtenAt: message.accepted_at }, tools)
  if ('reasons' in wrapped) return held(...wrapped.reasons)
  const { document, recognition } = wrapped

  const overruled = parse(filing.overruled)
  const { sender, verdict } = decideFor(senders, document, recognition, tools.policy, { now: new Date(tools.now()) }, overruled)
  const standing = verdict.action === 'file' ? [] : verdict.reasons.filter(reason => !overruled.includes(reason))
  if (standing.length > 0) return held(...standing)
  const ins = document.cda?.patient.ins
  if (!ins || filing.unique_id === null) return held('no-ins') // whatever was overruled
  const others = (await tools.filings.knownAs([filing.unique_id])).filter(each => each.id !== filing.id && each.sha256 === filing.sha256)
  if (isMarkedElsewhere(others)) return held('marked') // whoever released this copy
  const set = setOf(document.cda)
  const versions = document.cda && set ? judgeVersions(document.cda, await tools.filings.ofSets([set.id]), ['filed']) : []
  if (versions.length > 0) return held(...versions) // filed while this one waited
  const opposition = AGAINST[(await tools.oppositions.of(ins.matricule)) ?? 'INO']
  if (opposition) return held(opposition) // asked last: what was said while the document waited counts
  return submit(filing, filing.unique_id, document, ins, dmp, sender, tools)
}

/** What the register says against filing; a box that files has declared that silence means no opposition (decision 7). */
const AGAINST = { INO: undefined, IO: 'opposed', NA: 'opposition-not-asked', unreadable: 'oppositions-unreadable' } as const

async function submit(
  filing: FilingRow,
  uniqueId: string,
  document: FoundDocument,
  ins: Ins,
  dmp: Dmp,
  sender: Sender,
  tools: FilerTools,
): Promise<Next> {
  const context: DmpContext = { sender, policy: tools.policy, now: new Date(tools.now()), newId: tools.newId }
  const patient = await tools.patients.check(ins, document.cda?.patient ?? { identities: 0 }, () => dmp.exists(ins, context))
  if (patient.kind === 'other-traits' || patient.kind === 'unconfirmed-traits') {
    tools.breaker.answered()
    return held(patient.kind === 'other-traits' ? 'traits-differ' : 'traits-unconfirmed')
  }
  if (patient.kind === 'ambiguous') return afterUnclearPatient(filing, patient.code, tools)
  if (patient.kind !== 'status') return afterFailure(filing, patient, tools, false)
  if (patient.status !== 'active') {
    tools.breaker.answered()
    return { to: 'refused', reasons: ['human-patient'], code: `dmp-${patient.status}`, sent: false }
  }
  const replaced = document.cda?.replaces
  const parent = replaced === undefined ? undefined : await parentOf(filing, uniqueId, replaced, dmp, ins, context, tools)
  if (parent && 'to' in parent) return parent
  const request = await prepared(document, dmp, { ...context, ...parent })
  if (!request) return held('preparing-timed-out')
  // A lease that ran out is anybody's: an author may have held the document back meanwhile (EX_GEN-1060).
  if (!(await tools.filings.renew(filing))) return { to: 'theirs' }
  const started = performance.now()
  const outcome = await dmp.file(request)
  tools.log.attempted(filing.id, outcome.kind, outcome.code, Math.round(performance.now() - started))
  if (outcome.kind === 'ambiguous') return afterDoubt(filing, uniqueId, outcome, dmp, ins, context, tools)
  if (outcome.kind === 'refused' && outcome.why === 'human-patient') await tools.patients.forget(ins)
  return conclude(filing, outcome, tools)
}

/**
 * What a replacement needs to know (TD2.1b): the entry that it replaces. One that waits here is filed first. When an earlier attempt may have
 * been the one, the document itself is looked for first: its parent would then be said to be replaced already.
 */
async function parentOf(
  filing: FilingRow,
  uniqueId: string,
  replaced: string,
  dmp: Dmp,
  ins: Ins,
  context: DmpContext,
  tools: FilerTools,
): Promise<{ replaces: string } | Next> {
  const waits = (await tools.filings.knownAs([replaced])).some(({ state }) => state === 'pending')
  if (waits) {
    // Two that replace each other would wait for ever.
    const givesUp = tools.now() - filing.due_at >= tools.timing.giveUpMs
    return givesUp ? held('replaced-unknown') : { to: 'pending', code: 'parent-pending', doubts: filing.doubts }
  }
  if (filing.attempts > 0 || filing.faults > 1) {
    const own = await dmp.findByUniqueId(uniqueId, ins, context)
    if (own.kind === 'found') return conclude(filing, { kind: 'filed' }, tools)
    if (own.kind !== 'absent') return afterFailure(filing, own, tools, false)
  }
  const found = await dmp.findByUniqueId(replaced, ins, context)
  if (found.kind === 'found') return { replaces: found.entryUuid }
  if (found.kind !== 'absent') return afterFailure(filing, found, tools, false)
  tools.breaker.answered()
  return held('replaced-unknown')
}

async function prepared(document: FoundDocument, dmp: Dmp, context: DmpContext): Promise<SubmissionRequest | undefined> {
  try {
    return await dmp.prepare(document, context)
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return undefined
    throw error
  }
}

/** An answer to TD0.2 that says nothing: asked once more, then a human. The next patient's may be clear, so the breaker only counts it. */
function afterUnclearPatient(filing: FilingRow, code: string, tools: FilerTools): Next {
  tools.breaker.failed(tools.now(), false)
  tools.log.dmpTrouble(code, false, tools.breaker.isOpen)
  if (filing.doubts === 0) return { to: 'pending', code, doubts: 1 }
  return { to: 'held', reasons: ['traits-unconfirmed'], code, sent: false }
}

function conclude(filing: FilingRow, outcome: Exclude<DmpOutcome, { kind: 'ambiguous' }>, tools: FilerTools): Next {
  if (outcome.kind !== 'filed') return afterFailure(filing, outcome, tools, true)
  tools.breaker.answered()
  return { to: 'filed', reasons: [], sent: true, ...(outcome.code === undefined ? {} : { code: outcome.code }) }
}

/** The one use of TD3.1b: is the document there, though the answer didn't say so? */
async function afterDoubt(
  filing: FilingRow,
  uniqueId: string,
  doubt: Extract<DmpFailure, { kind: 'ambiguous' }>,
  dmp: Dmp,
  ins: Ins,
  context: DmpContext,
  tools: FilerTools,
): Promise<Next> {
  const found = await dmp.findByUniqueId(uniqueId, ins, context)
  if (found.kind === 'found') return conclude(filing, { kind: 'filed', code: doubt.code }, tools)
  if (found.kind === 'retry') return afterFailure(filing, found, tools, true)
  return afterFailure(filing, doubt, tools, true)
}

function afterFailure(filing: FilingRow, failure: DmpFailure, tools: FilerTools, sent: boolean): Next {
  const { code } = failure
  if (failure.kind === 'retry') {
    tools.breaker.failed(tools.now(), failure.misconfigured)
    tools.log.dmpTrouble(code, failure.misconfigured, tools.breaker.isOpen)
    const givesUp = tools.now() - filing.due_at >= tools.timing.giveUpMs
    return givesUp ? { to: 'held', reasons: ['dmp-unreachable'], code, sent } : { to: 'pending', code, doubts: filing.doubts }
  }
  tools.breaker.answered()
  if (failure.kind === 'refused') return { to: 'refused', reasons: [failure.why], code, sent }
  return filing.doubts > 0 ? { to: 'refused', reasons: ['ambiguous'], code, sent } : { to: 'pending', code, doubts: filing.doubts + 1 }
}

function held(...reasons: FilingReason[]): Next {
  return { to: 'held', reasons, sent: false }
}
