import { createHash } from 'node:crypto'
import { ContentFault, ContentGuard, type ContentLimits, type ContentSummary } from './content-guard.ts'
import type { HeaderFacts } from './header-policy.ts'
import { resultsField, type Seen, type Verdict, verdictOf, withoutForgedResults } from './opening/index.ts'
import type { Patients } from './patients/index.ts'
import type { Origin } from './policy.ts'
import { Refusal } from './refusals.ts'
import type { OwnBox, Policy } from './session.ts'
import type { Draft } from './spool/index.ts'
import { completed, headerMessageId } from './submitted-header.ts'
import { traceField } from './trace-header.ts'
import type { Transaction } from './transaction.ts'

/** A content that was checked to its end, and lies in a draft. */
export interface Received<Box> {
  draft: Draft
  /** octets of our own fields, before the message */
  above: number
  /** of the signatures that it had */
  verdict?: Verdict | undefined
  summary: ContentSummary
  facts: HeaderFacts
  box: Box | undefined
  /** of what goes on, below our own fields: sender and recipient have the same octets; of a mail that was opened, of what came out */
  sha256: string
}

/**
 * Reads the content of a message once, checks it and writes it into a draft below our own fields. Everything is checked as it arrives; what is
 * refused is read on, so that the reply comes when the client listens.
 */
export function openReceiver<Box extends OwnBox>(options: {
  limits: Readonly<Record<Origin, ContentLimits>>
  checkHeader: Policy<Box>['checkHeader']
  patients: Pick<Patients, 'messageBytes'>
  isToPatient(transaction: Transaction<Box>): boolean
  hostname: string
  now(): number
}) {
  return async function receive(
    transaction: Transaction<Box>,
    content: AsyncIterable<Buffer>,
    draft: Draft,
    seen?: Exclude<Seen, { kind: 'closed' }>,
  ): Promise<Received<Box>> {
    const toPatient = options.isToPatient(transaction)
    const limits = options.limits[transaction.box ? 'submission' : 'reception']
    const most = toPatient ? Math.min(limits.size, options.patients.messageBytes) : limits.size
    const guard = new ContentGuard({ ...limits, size: most })
    let checked: { facts: HeaderFacts; box: Box | undefined } | undefined
    let refusal: unknown
    let early: Buffer[] = []
    let verdict: Verdict | undefined
    let above = 0
    const digest = createHash('sha256')
    const write = async (bytes: Buffer) => {
      digest.update(bytes)
      await stored(draft.write(bytes))
    }
    const writeStart = async ({ facts }: { facts: HeaderFacts }, header: Buffer, start: Buffer) => {
      verdict = seen && verdictOf(seen, facts.from)
      const result = verdict ? [resultsField(options.hostname, verdict)] : []
      const at = new Date(options.now())
      const trace = traceField({ ...transaction.trace, id: draft.id, at, hostname: options.hostname }) // before all others (RFC 5321 §4.4)
      await stored(draft.write(Buffer.concat([...result, trace])))
      above = draft.size
      const kept = withoutForgedResults(header, guard.fields, options.hostname)
      const messageId = headerMessageId(facts, draft.id, options.hostname)
      // What another operator hands in stays as it is.
      const goesOn = transaction.box ? completed(kept, { facts, messageId, toPatient, at }) : kept
      await write(Buffer.concat([goesOn, start.subarray(header.length)]))
    }
    for await (const chunk of content) {
      guard.write(chunk)
      if (refusal || guard.fault) continue
      try {
        if (checked) await write(chunk)
        else early.push(chunk)
        if (!checked && guard.header) {
          checked = await options.checkHeader(transaction, guard.fields)
          await writeStart(checked, guard.header, Buffer.concat(early))
          early = []
        }
      } catch (error) {
        refusal = error
      }
    }
    if (refusal && !guard.fault) throw refusal
    if (toPatient && guard.fault?.reason === 'tooBig' && most < limits.size) throw new Refusal('tooBigForPatient')
    const summary = guard.end()
    if (!checked) {
      checked = await options.checkHeader(transaction, guard.fields) // a message without a body: its header ends with the message
      await writeStart(checked, summary.header, Buffer.concat(early))
    }
    return { draft, above, verdict, summary, ...checked, sha256: digest.digest('hex') }
  }
}

/** A disk that says no is no reason to lose the message: the client keeps it and comes back. */
export async function stored<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof Refusal || cause instanceof ContentFault) throw cause
    throw new Refusal('spoolFailed', undefined, { cause })
  }
}
