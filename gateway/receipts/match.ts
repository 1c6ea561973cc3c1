import { domainOf } from '../address.ts'
import type { ReportedRecipient } from './dsn-read.ts'
import { type Mdn, PROCESSING_ERRORS } from './mdn.ts'
import type { Report } from './read-report.ts'
import { recipientKey } from './report-fields.ts'

/** What a report says about one recipient. `rejected`: it arrived, and the recipient's software could not process it (900 to 906). */
export type ReceiptKind = 'relayed' | 'delivered' | 'delayed' | 'failed' | 'displayed' | 'processed' | 'rejected' | 'deleted'

/** A recipient of a message that this gateway sent, as its rows know it. */
export interface Candidate {
  messageId: string
  position: number
  /** Normalised (`parseAddress`). */
  address: string
  /** ORCPT, decoded: `rfc822;…`. */
  orcpt?: string
  /** ENVID, decoded. */
  envid?: string
  /** Message-ID field, with `<` and `>`. */
  headerMessageId: string
}

export interface Move {
  messageId: string
  position: number
  receipt: ReceiptKind
  /** Enhanced status of a delivery report; ANS code of a rejection (`906` when it gives none); empty for the rest of MDN. */
  status: string
  /** For the timeline: no health data (digits long enough to be an INS are hidden), one line, at most 300 characters. */
  detail: string
}

export type DropReason = 'message-unknown' | 'recipient-unknown' | 'may-not-speak'
export interface Dropped {
  reason: DropReason
  /** Which recipient of the report, from 0. */
  index: number
}

interface Statement {
  original: string | undefined
  final: string | undefined
  receipt: ReceiptKind
  status: string
  detail: string
}

/**
 * Finds which recipients of which messages a report speaks of. Pure.
 *
 * The message: by ENVID, else by Message-ID (RFC 3464 §2.2.1, RFC 8098 §3.2.5). A candidate with another ENVID than the report's
 * is never meant, even under the same Message-ID: several messages may carry one. The recipient: Original-Recipient against
 * ORCPT or address, else Final-Recipient against the address. And nobody speaks for another's users: a false "delivered" would
 * end our watch over a letter that is lost.
 * @param candidates recipients of the messages that ENVID or Message-ID point at; more do no harm
 * @param maySpeakFor whether who handed us the report answers for a domain (an operator), or for one address of it (a box of ours)
 */
export function matchReport(
  report: Report,
  candidates: readonly Candidate[],
  maySpeakFor: (domain: string, address: string) => boolean,
): { moves: Move[]; dropped: Dropped[] } {
  const meant = candidates.filter(candidate => isMeant(report, candidate))
  const statements = report.kind === 'dsn' ? report.recipients.map(stateDelivery) : [stateDisposition(report)]
  const moves: Move[] = []
  const dropped: Dropped[] = []
  statements.forEach((statement, index) => {
    const named = meant.filter(candidate => isNamed(statement, candidate))
    const allowed = named.filter(candidate => maySpeakFor(domainOf(candidate.address), candidate.address))
    if (allowed.length === 0) dropped.push({ index, reason: whyDropped(meant.length, named.length) })
    const { receipt, status, detail } = statement
    for (const { messageId, position } of allowed) moves.push({ messageId, position, receipt, status, detail })
  })
  return { moves, dropped }
}

function whyDropped(meant: number, named: number): DropReason {
  if (meant === 0) return 'message-unknown'
  return named === 0 ? 'recipient-unknown' : 'may-not-speak'
}

function isMeant(report: Report, candidate: Candidate): boolean {
  const envid = report.kind === 'dsn' ? report.envid : undefined
  if (envid !== undefined && candidate.envid !== undefined) return envid === candidate.envid
  const id = report.kind === 'mdn' ? (report.originalMessageId ?? report.headerMessageId) : report.headerMessageId
  return id !== undefined && id === candidate.headerMessageId
}

function isNamed(statement: Statement, candidate: Candidate): boolean {
  const known = [candidate.address, ...(candidate.orcpt === undefined ? [] : [recipientKey(candidate.orcpt)])]
  if (statement.original !== undefined) return known.includes(statement.original)
  return statement.final === candidate.address
}

const deliveries = { failed: 'failed', delayed: 'delayed', delivered: 'delivered', relayed: 'relayed', expanded: 'delivered' } as const

function stateDelivery(recipient: ReportedRecipient): Statement {
  const { action, status, original, final, remoteMta, diagnostic } = recipient
  const words = [action, remoteMta, action === 'failed' || action === 'delayed' ? diagnostic : undefined]
  return { original, final, receipt: deliveries[action], status, detail: hush(words.filter(word => word !== undefined).join(' · ')) }
}

function stateDisposition(mdn: Mdn): Statement {
  const { original, final, disposition, error, code, automatic } = mdn
  const statement = { original, final, detail: `${disposition}${automatic ? ', automatic' : ''}` }
  if (error) return { ...statement, receipt: 'rejected', status: code ?? '906', detail: PROCESSING_ERRORS[code ?? '906'] ?? disposition }
  return { ...statement, receipt: disposed[disposition], status: '' }
}

/** `denied`: the reader did not want to say more than that it arrived (RFC 8098 §2.1). `dispatched`: printed, forwarded… by a program. */
const disposed: Record<Mdn['disposition'], ReceiptKind> = {
  displayed: 'displayed',
  processed: 'processed',
  dispatched: 'processed',
  deleted: 'deleted',
  denied: 'delivered',
  failed: 'rejected',
}

/**
 * A peer's words may repeat a patient's address: thirteen digits or more in a row (an INS, spaced or not) are hidden. Its queue ids, which we need when
 * we ask it where a letter is, are longer hexadecimal words and stay.
 */
export function hush(text: string): string {
  return text.replace(/(?<![\da-fA-F])\d(?:[ .]?[\dABab]){12,}(?![\da-fA-F])/g, '***').slice(0, 300)
}
