import type { Dmp, DmpContext, DmpFailure, DmpOutcome } from './dmp.ts'
import { depositorOf } from './metadata.ts'
import {
  afterFailure,
  type FilerTools,
  filed,
  held,
  type Next,
  noteFailure,
  ofAnother,
  type Ready,
  type Result,
  stoppedMeanwhile,
} from './next.ts'
import { parentOf } from './replacement.ts'
import { DOCUMENTS_PER_SUBMISSION, splitSet } from './sets.ts'
import type { SubmissionRequest, Unfit } from './submission.ts'

/**
 * Sends documents of one message in one submission; what does not belong into it waits for its own. A set that is not taken as it is says
 * nothing sure of any of its documents: each then goes by itself, so that the good ones are filed and the bad one is refused with its code.
 */
export async function submitTogether(ready: readonly Ready[], dmp: Dmp, tools: FilerTools): Promise<Result[]> {
  const depositor = ({ cda, sender }: Ready) => depositorOf(cda, sender, tools.policy)
  const limits = { documents: tools.policy.documentsPerSubmission ?? DOCUMENTS_PER_SUBMISSION, bytes: tools.policy.maxDocumentBytes }
  const { set, later } = splitSet(ready, depositor, limits)
  const waiting = later.map(({ filing }): Result => [filing, { to: 'later' }])
  const [leader] = set
  if (!leader) return []
  const context: DmpContext = { sender: leader.sender, policy: tools.policy, now: new Date(tools.now()), newId: tools.newId }
  const { cleared, results } = await clear(set, dmp, context, tools)
  const [first] = cleared
  const sent = first ? await send(cleared, depositor(first).structure, dmp, context, tools) : []
  return [...results, ...sent, ...waiting]
}

/** Asks whether the patient has a DMP to feed, and whether he is who each document says. */
async function clear(
  set: readonly Ready[],
  dmp: Dmp,
  context: DmpContext,
  tools: FilerTools,
): Promise<{ cleared: Ready[]; results: Result[] }> {
  const cleared: Ready[] = []
  const results: Result[] = []
  for (const [index, { filing, ins, cda }] of set.entries()) {
    const patient = await tools.patients.check(ins, cda.patient, () => dmp.exists(ins, context))
    if (patient.kind === 'status' && patient.status === 'active') {
      cleared.push(set[index] as Ready)
      continue
    }
    if (patient.kind === 'other-traits' || patient.kind === 'unconfirmed-traits') {
      tools.breaker.answered()
      results.push([filing, held(patient.kind === 'other-traits' ? 'traits-differ' : 'traits-unconfirmed')])
      continue
    }
    // What the DMP says of the patient, or fails to say, is the same for all his documents.
    const next = patient.kind === 'status' ? noDmp(patient.status, tools) : withoutPatient(patient, tools)
    return { cleared: [], results: [...results, ...[...cleared, ...set.slice(index)].map((each): Result => [each.filing, next(each)])] }
  }
  return { cleared, results }
}

function noDmp(status: string, tools: FilerTools): (ready: Ready) => Next {
  tools.breaker.answered()
  return () => ({ to: 'refused', reasons: ['human-patient'], code: `dmp-${status}`, sent: false })
}

/** An answer to TD0.2 that says nothing is asked for once more, then a human. The next patient's may be clear, so the breaker only counts it. */
function withoutPatient(failure: DmpFailure, tools: FilerTools): (ready: Ready) => Next {
  if (failure.kind !== 'ambiguous') {
    noteFailure(failure, tools)
    return ready => afterFailure(ready, failure, tools, false)
  }
  const { code } = failure
  tools.breaker.failed(tools.now(), false)
  tools.log.dmpTrouble(code, false, tools.breaker.isOpen)
  return ({ filing }) =>
    filing.doubts === 0 ? { to: 'pending', code, doubts: 1 } : { to: 'held', reasons: ['traits-unconfirmed'], code, sent: false }
}

async function send(set: readonly Ready[], structure: string, dmp: Dmp, context: DmpContext, tools: FilerTools): Promise<Result[]> {
  const [first, ...others] = set
  if (!first) return []
  const all = (next: (ready: Ready) => Next) => set.map((ready): Result => [ready.filing, next(ready)])
  const alone = (code: string, unsure = false) => all(() => ({ to: 'alone', code, unsure }))
  const parent = others.length === 0 ? await parentOf(first, dmp, context, tools) : undefined
  if (parent && 'to' in parent) return all(() => parent)
  const request = await prepared(set, dmp, { ...context, ...parent })
  if ('unfit' in request) return others.length === 0 ? all(() => held(request.unfit)) : alone(request.unfit)
  const stopped = await Promise.all(set.map(ready => stoppedMeanwhile(ready, tools)))
  if (stopped.some(each => each)) return set.map(({ filing }, index): Result => [filing, stopped[index] ?? { to: 'later' }])
  // A lease that ran out is anybody's: an author may have held a document back meanwhile (EX_GEN-1060). Then the set is made anew without it.
  const ours = await tools.filings.renew(
    set.map(({ filing }) => filing),
    structure,
  )
  if (ours.length < set.length) return all(({ filing }) => ({ to: ours.includes(filing) ? 'later' : 'theirs' }))
  const started = performance.now()
  const outcome = await dmp.file(request)
  const took = Math.round(performance.now() - started)
  for (const { filing } of set) tools.log.attempted(filing.id, outcome.kind, outcome.code, took)
  if (others.length === 0) return [[first.filing, await afterOne(first, outcome, dmp, context, tools)]]
  if (outcome.kind === 'filed' && outcome.code === undefined) return all(() => filed(outcome, tools))
  if (outcome.kind !== 'retry') {
    tools.breaker.answered()
    return alone(outcome.code ?? '', outcome.kind !== 'refused') // a registry takes a submission whole, or nothing of it
  }
  noteFailure(outcome, tools)
  return all(ready => afterFailure(ready, outcome, tools, true))
}

async function prepared(
  set: readonly Ready[],
  dmp: Dmp,
  context: DmpContext,
): Promise<SubmissionRequest | Unfit | { unfit: 'preparing-timed-out' }> {
  try {
    const documents = set.map(({ document }) => document)
    return await dmp.prepare(documents, context)
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return { unfit: 'preparing-timed-out' }
    throw error
  }
}

/** What the answer about one document means for it. TD3.1b has its one use here: is the document there, though the answer didn't say so? */
async function afterOne(ready: Ready, outcome: DmpOutcome, dmp: Dmp, context: DmpContext, tools: FilerTools): Promise<Next> {
  if (outcome.kind === 'filed') return filed(outcome, tools)
  if (outcome.kind !== 'ambiguous') {
    if (outcome.kind === 'refused' && outcome.why === 'human-patient') await tools.patients.forget(ready.ins)
    noteFailure(outcome, tools)
    return afterFailure(ready, outcome, tools, true)
  }
  const entry = await dmp.findByUniqueId(ready.uniqueId, ready.ins, context)
  if (entry.kind === 'found') return filed(outcome, tools)
  if (entry.kind === 'of-another-patient') return ofAnother(tools)
  const failure = entry.kind === 'retry' ? entry : outcome
  noteFailure(failure, tools)
  return afterFailure(ready, failure, tools, true)
}
