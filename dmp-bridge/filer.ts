import type { Recognition } from './facts.ts'
import type { FilingRow } from './filing-tables.ts'
import { parse } from './filing-view.ts'
import { judgeVersions, setOf } from './judging/versions.ts'
import { type FilerTools, held, type Next, oppositionTo, type Ready, type Result } from './next.ts'
import type { Sender } from './policy.ts'
import { isMarkedElsewhere } from './reader.ts'
import { decideFor, sendersOf } from './senders.ts'
import { submitTogether } from './submitter.ts'
import { retryDelay } from './timing.ts'
import { mayWrap } from './wrap/judge.ts'
import { wrappedFor } from './wrap/wrapped-for.ts'

/**
 * One attempt to file claimed documents of one message, in one submission where they allow it. The bytes are read and judged again: only what
 * was judged is sent, under today's policy. Each document keeps its uniqueId, so an attempt that was interrupted after the DMP's commit ends
 * as a duplicate: filed.
 */
export async function fileTogether(filings: readonly FilingRow[], tools: FilerTools): Promise<void> {
  for (const [filing, next] of await attempt(filings, tools)) await conclude(filing, next, tools)
}

/** Writes what becomes of one filing. */
export async function conclude(
  filing: FilingRow,
  next: Next,
  tools: Pick<FilerTools, 'filings' | 'log' | 'now' | 'timing'>,
): Promise<void> {
  const { filings } = tools
  switch (next.to) {
    case 'theirs':
      return
    case 'later':
      return filings.putBack(filing)
    case 'alone':
      return filings.goAlone(filing, next)
    case 'pending': {
      const nextAttemptAt = tools.now() + retryDelay(tools.timing, filing.attempts + 1)
      return filings.defer(filing, { code: next.code, doubts: next.doubts, nextAttemptAt })
    }
    default:
      await filings.settle(filing, next.to, next)
      tools.log.settled(filing.id, filing.message_id, next.to, next.reasons, next.code)
  }
}

type Senders = readonly [Sender, ...Sender[]]

async function attempt(filings: readonly FilingRow[], tools: FilerTools): Promise<Result[]> {
  const { dmp } = tools
  const [first] = filings
  if (!first || !dmp) return filings.map(filing => [filing, held('no-dmp-configured')])
  const message = await tools.filings.message(first.message_id)
  if (!message) throw new Error('a filing without its message')
  // A declaration that was taken back meanwhile is obeyed; one that came later does not cover what was sent before.
  const asNow = async (each: Sender) => ({ ...each, declared: each.declared && (await tools.isDeclared(each.address)) })
  const [known, ...more] = sendersOf(message)
  const senders: Senders = [await asNow(known), ...(await Promise.all(more.map(asNow)))]
  const recognition = await tools.recognise(await tools.read(first.message_id), { candidates: mayWrap(known) })
  const context = { recognition, senders, writtenAt: message.accepted_at }
  const results: Result[] = []
  const ready: Ready[] = []
  for (const filing of filings) {
    const judged = await judgeAgain(filing, context, tools)
    if ('to' in judged) results.push([filing, judged])
    else ready.push(judged)
  }
  return [...results, ...(await submitTogether(ready, dmp, tools))]
}

async function judgeAgain(
  filing: FilingRow,
  context: { recognition: Recognition; senders: Senders; writtenAt: number },
  tools: FilerTools,
): Promise<Ready | Next> {
  const { senders, recognition: found } = context
  const place = found.documents[filing.place - 1]
  if (!place && found.faults.length > 0) return held(...found.faults)
  if (!place || place.sha256 !== filing.sha256) return held('bytes-changed')
  const wrapped = await wrappedFor(filing, place, { ...context, sender: senders[0] }, tools)
  if ('reasons' in wrapped) return held(...wrapped.reasons)
  const { document, recognition } = wrapped
  const overruled = parse(filing.overruled)
  const { sender, verdict } = decideFor(senders, document, recognition, tools.policy, { now: new Date(tools.now()) }, overruled)
  const standing = verdict.action === 'file' ? [] : verdict.reasons.filter(reason => !overruled.includes(reason))
  if (standing.length > 0) return held(...standing)
  const { cda } = document
  const ins = cda?.patient.ins
  const uniqueId = filing.unique_id
  if (!cda || !ins || uniqueId === null) return held('no-ins') // whatever was overruled
  const others = (await tools.filings.knownAs([uniqueId])).filter(each => each.id !== filing.id && each.sha256 === filing.sha256)
  if (isMarkedElsewhere(others)) return held('marked') // whoever released this copy
  const set = setOf(document.cda)
  const versions = document.cda && set ? judgeVersions(document.cda, await tools.filings.ofSets([set.id]), ['filed']) : []
  if (versions.length > 0) return held(...versions) // filed while this one waited
  const opposition = await oppositionTo(ins, tools)
  if (opposition) return held(opposition) // what was said while the document waited counts
  return { filing, uniqueId, document, cda, ins, sender }
}
