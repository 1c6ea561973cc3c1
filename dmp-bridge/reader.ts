import { isHeldByAuthor } from './author-wish.ts'
import type { Policy } from './decide.ts'
import type { CdaFacts, FoundDocument, Recognition } from './facts.ts'
import type { FilingReason } from './filing-reasons.ts'
import { type FilingRow, type InboxRow, WHOLE_MESSAGE } from './filing-tables.ts'
import { parse } from './filing-view.ts'
import type { Filings, NewFiling } from './filings/index.ts'
import { judgeVersions, setOf } from './judging/versions.ts'
import { computeMssHeaders, mssHeadersLine, readMssHeaders } from './mss-headers.ts'
import { decideFor, sendersOf } from './senders.ts'
import { isTypeCode } from './tables.ts'
import { afterEarlier, candidatesIn } from './wrap/earlier.ts'
import { mayWrap } from './wrap/judge.ts'

/** What the bridge files for its operator; `delayMs` is the author's time to hold a document back before it goes. */
export type BridgePolicy = Policy & {
  delayMs: number
  /** documents of one message that may go in one submission */
  documentsPerSubmission?: number
}

export interface ReaderTools {
  filings: Filings
  recognise(eml: Uint8Array, options: { candidates: boolean }): Promise<Recognition>
  read(messageId: string): Promise<Uint8Array>
  note(messageId: string, kind: string, detail: Record<string, string>): Promise<void>
  policy: BridgePolicy
  dmpConfigured: boolean
  now(): number
  newId(): string
}

/**
 * Looks into one message and writes what is to become of each of its documents. Running twice changes nothing: the places of
 * a message are unique.
 * @returns how many documents were found
 */
export async function readMessage(message: InboxRow, tools: ReaderTools): Promise<number> {
  const senders = sendersOf(message)
  const isSent = senders[0].mode === undefined
  const eml = await tools.read(message.message_id)
  const recognition = await tools.recognise(eml, { candidates: mayWrap(senders[0]) })
  const ids = recognition.documents.flatMap(document => keyOf(document.cda) ?? [])
  const sets = recognition.documents.flatMap(document => setOf(document.cda)?.id ?? [])
  const known = { twins: await tools.filings.knownAs(ids), versions: await tools.filings.ofSets(sets) }
  const sent = await tools.filings.sentBefore(message, candidatesIn(recognition))
  const planned = planAll(recognition, senders, known, tools).map(each => afterEarlier(each, recognition, sent))
  const isHeld = isHeldByAuthor(eml)
  const filings = isHeld ? planned.map(heldBack) : planned
  const ignored = recognition.ignored.filter(part => isSent && part.reason !== 'technical')
  for (const reason of new Set(ignored.map(part => part.reason))) {
    const parts = ignored.filter(part => part.reason === reason).length
    await tools.note(message.message_id, 'filing-part-ignored', { reason, parts: String(parts) })
  }
  if (isSent) await tools.note(message.message_id, 'mss-headers', mssHeadersLine(readMssHeaders(eml), computeMssHeaders(recognition)))
  await tools.filings.plan(message, filings, isHeld && isSent ? ids : []) // a stranger's header holds his own message alone
  return recognition.documents.length
}

/** What the author's software asks of this message (X-Pli-DMP) stands beside every other reason; a copy stays a copy. */
function heldBack(filing: NewFiling): NewFiling {
  if (filing.state === 'ignored' && !filing.reasons.includes('already-pending')) return filing
  const reasons = filing.reasons.filter(reason => reason !== 'already-pending' && reason !== 'author-request')
  return { ...filing, state: 'held', reasons: [...reasons, 'author-request'] }
}

type Senders = ReturnType<typeof sendersOf>
type Twin = Pick<FilingRow, 'unique_id' | 'sha256' | 'state' | 'reasons'>

/** Filings of the same documents, and of other versions of them. */
interface Known {
  twins: readonly Twin[]
  versions: readonly FilingRow[]
}

function planAll(recognition: Recognition, senders: Senders, known: Known, tools: ReaderTools): NewFiling[] {
  const filings = recognition.documents.map((document, index) => planOne(document, index + 1, recognition, senders, known, tools))
  // A message that couldn't be read at all waits for a human too: its sender believes that the document is filed.
  const isBelieved = senders[0].mode === undefined && recognition.faults.length > 0
  if (filings.length === 0 && isBelieved) filings.push(wholeMessage(recognition.faults, tools))
  return filings
}

/** The filing of a message that gives no documents. */
export function wholeMessage(reasons: readonly FilingReason[], tools: Pick<ReaderTools, 'newId' | 'now'>): NewFiling {
  return { id: tools.newId(), place: WHOLE_MESSAGE, sha256: '', uniqueId: undefined, state: 'held', reasons, dueAt: tools.now() }
}

function planOne(
  document: FoundDocument,
  place: number,
  recognition: Recognition,
  senders: Senders,
  { twins, versions }: Known,
  tools: ReaderTools,
): NewFiling {
  const uniqueId = keyOf(document.cda)
  const dueAt = tools.now() + tools.policy.delayMs
  const type = typeOf(document.cda)
  const set = setOf(document.cda)
  const base = {
    id: tools.newId(),
    place,
    sha256: document.sha256,
    uniqueId,
    dueAt,
    ...(type === undefined ? {} : { type }),
    ...(set && { set }),
  }
  const { verdict } = decideFor(senders, document, recognition, tools.policy, { now: new Date(tools.now()) })
  if (verdict.action === 'ignore') return { ...base, state: 'ignored', reasons: verdict.reasons }
  const double = uniqueId === undefined ? undefined : doubleOf(document.sha256, uniqueId, twins)
  const others = document.cda ? judgeVersions(document.cda, versions, ['pending', 'filed']) : []
  const own = [...(verdict.action === 'hold' ? verdict.reasons : []), ...others]
  // What is marked is never a mere copy: the mark holds the other one too (`plan`).
  if (double?.state === 'ignored' && !own.includes('marked')) return { ...base, state: 'ignored', reasons: double.reasons }
  const reasons: FilingReason[] = [...new Set([...own, ...(double?.reasons ?? []).filter(reason => reason !== 'already-pending')])]
  if (!tools.dmpConfigured) reasons.push('no-dmp-configured')
  return { ...base, state: reasons.length > 0 ? 'held' : 'pending', reasons }
}

/** What an earlier filing of the same document id means for this one. */
function doubleOf(
  sha256: string,
  uniqueId: string,
  twins: readonly Twin[],
): { state: 'ignored' | 'held'; reasons: FilingReason[] } | undefined {
  const same = twins.filter(twin => twin.unique_id === uniqueId)
  const copies = same.filter(twin => twin.sha256 === sha256)
  if (copies.some(twin => twin.state === 'filed')) return { state: 'ignored', reasons: ['already-filed'] }
  const reasons: FilingReason[] = isMarkedElsewhere(copies) ? ['marked'] : []
  if (same.some(twin => twin.state === 'deleting' || twin.state === 'deleted')) reasons.push('was-deleted') // never by itself again
  if (reasons.length === 0 && copies.some(twin => twin.state === 'pending')) return { state: 'ignored', reasons: ['already-pending'] }
  if (same.some(twin => twin.sha256 !== sha256 && ['pending', 'filed', 'held'].includes(twin.state))) reasons.push('same-id-other-bytes')
  // A professional's wish is for the document, in whichever letter it travels (EX_GEN-1060).
  const isHeldBack = copies.some(twin => twin.state === 'held' && parse(twin.reasons).includes('author-request'))
  const isGivenUp = same.some(twin => twin.state === 'refused' && parse(twin.reasons).includes('given-up')) // whatever its bytes
  if (isHeldBack || isGivenUp) reasons.push('author-request')
  return reasons.length > 0 ? { state: 'held', reasons } : undefined
}

/** @returns whether one of these copies of a document was held for its marks, or given up with them */
export function isMarkedElsewhere(copies: readonly Pick<FilingRow, 'state' | 'reasons'>[]): boolean {
  return copies.some(({ state, reasons }) => (state === 'held' || state === 'refused') && parse(reasons).includes('marked'))
}

/** @returns the type of a document when it may stand in a row: a LOINC code, or one that the tables know; anything else is a stranger's text */
function typeOf(cda: CdaFacts | undefined): string | undefined {
  const code = cda?.typeCode.code
  return code !== undefined && isTypeCode(code) ? code : undefined
}

/** @returns the document's id when it is one that the DMP takes and that may stand in a row (an extension may be a patient's number) */
export function keyOf(cda: CdaFacts | undefined): string | undefined {
  if (!cda || cda.idExtension !== undefined) return undefined
  return /^[0-2](\.\d+)+$/.test(cda.uniqueId) && cda.uniqueId.length <= 64 ? cda.uniqueId : undefined
}
