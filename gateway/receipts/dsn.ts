import { isAscii } from 'node:buffer'
import { encodeWords } from 'nodemailer/lib/mime-funcs'
import * as quotedPrintable from 'nodemailer/lib/qp'
import { domainOf } from '../address.ts'
import { HeaderFault, messageId, readHeader, renderField } from '../header.ts'
import { type FilingNews, filingFields, filingLines } from './filing-words.ts'
import { typedAddress } from './report-fields.ts'
import { causeOf, type DsnKind, frenchTime, WORDS } from './words.ts'

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export interface DsnRecipient {
  /** Where the message went, or was to go: an address of `parseAddress`. */
  final: string
  /** ORCPT as it was meant, decoded from xtext (RFC 3461 §4.2): `rfc822;dr.martin@…`. */
  original?: string
  action: DsnAction
  /** Enhanced status of the attempt (RFC 3463); never invented. */
  status: string
  /** A reason of ours: its words come before those of the status. */
  reason?: string
  /** The peer's reply, without its line ends. */
  diagnostic?: string
  remoteMta?: string
  lastAttempt?: Date
  willRetryUntil?: Date
}

export interface DsnRequest {
  kind: DsnKind
  /** Host name of the gateway that speaks. */
  reportingMta: string
  /** Address of the postmaster who signs the report. */
  from: string
  /** Reverse-path of the message the report is about. A null reverse-path gets no report (RFC 3461 §6.1). */
  to: string
  /** ENVID as it was meant, decoded from xtext. */
  envid?: string
  /** When the message was accepted. */
  arrival: Date
  recipients: readonly DsnRecipient[]
  /** Header block of the message, without or with its final empty line. */
  originalHeader: Buffer
  /** What became of its documents, when that is news. */
  filing?: FilingNews
  /** The whole message; give it for a failure with RET=FULL (RFC 3461 §4.3). */
  original?: Buffer
  now: Date
  newId: () => string
}

/**
 * Builds a delivery status notification (RFC 3461 §6, RFC 3464, in a multipart/report of RFC 6522): a French text for the
 * sender, the machine part, and the header (or the whole) of his message. Send it with a null reverse-path (RFC 3461 §6.1).
 * @returns the message: CRLF, ASCII unless the whole original holds 8-bit octets (RFC 2046 §5.2.1 forbids to encode it)
 */
export function buildDsn(request: DsnRequest): Buffer {
  const boundary = `=_${request.newId()}` // RFC 2045 §6.7: `=_` never occurs in quoted-printable
  const parts = [humanPart(request), machinePart(request), originalPart(request)]
  return Buffer.concat([
    ...header(request, boundary),
    ...parts.flatMap(part => [crlf(`--${boundary}`), part, crlf('')]),
    crlf(`--${boundary}--`),
  ])
}

function header(request: DsnRequest, boundary: string): Buffer[] {
  const answered = idOf(request.originalHeader)
  return [
    renderField('From', `"Suivi des messages" <${request.from}>`),
    renderField('To', `<${request.to}>`),
    renderField('Subject', encodeWords(WORDS[request.kind].subject, 'Q', 52, true)),
    renderField('Date', mailDate(request.now)),
    renderField('Message-ID', `<${request.newId()}@${domainOf(request.from)}>`),
    ...(answered === undefined ? [] : [renderField('In-Reply-To', answered), renderField('References', answered)]),
    renderField('Auto-Submitted', 'auto-replied'), // RFC 3834 §5
    ...(request.filing === undefined ? [] : filingFields(request.filing)),
    renderField('MIME-Version', '1.0'),
    renderField('Content-Type', `multipart/report; report-type=delivery-status; boundary="${boundary}"`),
    ...(request.original !== undefined && isEightBit(request.original) ? [renderField('Content-Transfer-Encoding', '8bit')] : []),
    crlf(''),
  ]
}

function idOf(originalHeader: Buffer): string | undefined {
  try {
    return messageId(readHeader(originalHeader))
  } catch (error) {
    if (error instanceof HeaderFault) return undefined // accepted before, or by another operator: the report goes out all the same
    throw error
  }
}

function humanPart(request: DsnRequest): Buffer {
  const { opening, closing } = WORDS[request.kind]
  const lines = [
    'Bonjour,',
    '',
    opening(request.recipients.length > 1),
    '',
    ...request.recipients.flatMap(recipient => recipientLines(request.kind, recipient)),
    '',
    closing,
    '',
    ...(request.filing === undefined ? [] : ['Au sujet de ses documents :', '', ...filingLines(request.filing), '']),
    `Message confié le ${frenchTime(request.arrival)} (heure de Paris).`,
    'L’en-tête de votre message est joint à cet avis.',
    '',
    'Cet avis est automatique : n’y répondez pas.',
  ]
  const text = quotedPrintable.wrap(quotedPrintable.encode(lines.join('\r\n')), 76)
  return crlf(
    `Content-Type: text/plain; charset=utf-8\r\nContent-Language: fr\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${text}`,
  )
}

function recipientLines(kind: DsnKind, recipient: DsnRecipient): string[] {
  const cause = kind === 'failed' || kind === 'delayed' ? causeOf(recipient.status, recipient.reason) : undefined
  const until = kind === 'delayed' && recipient.willRetryUntil ? [`      Essais jusqu’au ${frenchTime(recipient.willRetryUntil)}.`] : []
  return [`   - ${recipient.final}`, ...(cause === undefined ? [] : [`      ${cause}`]), ...until]
}

function machinePart(request: DsnRequest): Buffer {
  const perMessage = [
    ...(request.envid === undefined ? [] : [renderField('Original-Envelope-Id', ascii(request.envid))]),
    renderField('Reporting-MTA', `dns; ${ascii(request.reportingMta)}`),
    renderField('Arrival-Date', mailDate(request.arrival)),
  ]
  const perRecipient = request.recipients.flatMap(recipient => [crlf(''), ...recipientFields(recipient)])
  return Buffer.concat([crlf('Content-Type: message/delivery-status\r\n'), ...perMessage, ...perRecipient])
}

function recipientFields(recipient: DsnRecipient): Buffer[] {
  const { original, final, action, status, remoteMta, diagnostic, lastAttempt, willRetryUntil } = recipient
  return [
    ...(original === undefined ? [] : [renderField('Original-Recipient', ascii(original))]),
    renderField('Final-Recipient', typedAddress(final)),
    renderField('Action', action),
    renderField('Status', status),
    ...(remoteMta === undefined ? [] : [renderField('Remote-MTA', `dns; ${ascii(remoteMta)}`)]),
    ...(diagnostic === undefined ? [] : [renderField('Diagnostic-Code', `smtp; ${ascii(diagnostic)}`)]),
    ...(lastAttempt === undefined ? [] : [renderField('Last-Attempt-Date', mailDate(lastAttempt))]),
    ...(action === 'delayed' && willRetryUntil !== undefined ? [renderField('Will-Retry-Until', mailDate(willRetryUntil))] : []),
  ]
}

function originalPart(request: DsnRequest): Buffer {
  if (request.original === undefined) return headerPart(request.originalHeader)
  const encoding = isEightBit(request.original) ? '8bit' : '7bit'
  return Buffer.concat([crlf(`Content-Type: message/rfc822\r\nContent-Transfer-Encoding: ${encoding}\r\n`), request.original])
}

/** RFC 6522 §4: text, so it may be encoded when it holds raw UTF-8 (RFC 6532) or anything else above 127. */
function headerPart(block: Buffer): Buffer {
  if (!isEightBit(block)) return Buffer.concat([crlf('Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n'), block])
  const text = quotedPrintable.wrap(quotedPrintable.encode(block), 76)
  return crlf(`Content-Type: text/rfc822-headers; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${text}`)
}

/** A peer's words and a client's ENVID go into a header-like field: one line, printable ASCII, bounded. */
function ascii(text: string): string {
  return text
    .replace(/[^\x21-\x7e]+/g, run => (/^\s+$/.test(run) ? ' ' : '?'))
    .trim()
    .slice(0, 900)
}

function isEightBit(bytes: Buffer): boolean {
  return !isAscii(bytes)
}

/** RFC 5322 §3.3. */
function mailDate(time: Date): string {
  return time.toUTCString().replace('GMT', '+0000')
}

function crlf(text: string): Buffer {
  return Buffer.from(`${text}\r\n`)
}
