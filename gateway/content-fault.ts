export interface ContentLimits {
  /** Octets of the whole message (RFC 1870). */
  size: number
  /** Octets, fields and octets of a line of one header block, the message's or a part's. */
  headerBytes: number
  headerFields: number
  headerLine: number
  /** Octets of a line of a body, without CRLF (RFC 5322 §2.1.1: 998). */
  line: number
  /** Parts, nested messages and multiparts, and how deep they may sit in one another. */
  parts: number
  depth: number
}

export const CONTENT_LIMITS: ContentLimits = {
  size: 25 * 1024 * 1024,
  headerBytes: 64 * 1024,
  headerFields: 500,
  headerLine: 998,
  line: 998,
  parts: 500,
  depth: 20,
}

type EnhancedStatus = `${2 | 4 | 5}.${number}.${number}`

/** Every way a content is refused: reply code (RFC 5321 §4.2.3), enhanced status (RFC 3463 §3), words for the sender. */
export const CONTENT_FAULTS = {
  bareLf: [550, '5.5.2', 'The message holds a bare LF: lines end with CR LF (RFC 5321 section 2.3.8)'],
  bareCr: [550, '5.5.2', 'The message holds a bare CR: lines end with CR LF (RFC 5321 section 2.3.8)'],
  nul: [550, '5.6.0', 'The message holds a NUL octet (RFC 5322 section 2.2)'],
  lineTooLong: [550, '5.6.0', 'The message holds a line longer than 998 octets (RFC 5322 section 2.1.1)'],
  tooBig: [552, '5.3.4', 'The message is larger than this system accepts'],
  noHeader: [550, '5.6.0', 'The message has no header (RFC 5322 section 3.6)'],
  headerMalformed: [550, '5.6.0', 'A header line is malformed (RFC 5322 section 2.2)'],
  headerLineTooLong: [550, '5.6.0', 'A header line is too long (RFC 5322 section 2.1.1)'],
  headerTooLong: [550, '5.6.0', 'The header, or the header of a part, is too long'],
  tooManyFields: [550, '5.6.0', 'The header, or the header of a part, has too many fields'],
  tooManyParts: [550, '5.6.0', 'The message has too many parts'],
  tooDeep: [550, '5.6.0', 'The parts of the message are nested too deep'],
  ambiguousParts: [550, '5.6.0', 'The boundaries of the parts of the message cannot be read without doubt (RFC 2046 section 5.1)'],
} as const satisfies Record<string, readonly [number, EnhancedStatus, string]>

export type ContentFaultCode = keyof typeof CONTENT_FAULTS

export class ContentFault extends Error {
  override readonly name = 'ContentFault'
  readonly reason: ContentFaultCode
  readonly reply: number
  readonly status: EnhancedStatus
  constructor(reason: ContentFaultCode) {
    const [reply, status, text] = CONTENT_FAULTS[reason]
    super(text)
    this.reason = reason
    this.reply = reply
    this.status = status
  }
}
