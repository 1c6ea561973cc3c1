import { isAscii, isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ContentFault, type ContentLimits } from './content-fault.ts'
import type { HeaderField } from './header.ts'
import { MimeWalk } from './mime-walk.ts'

export { CONTENT_FAULTS, CONTENT_LIMITS, ContentFault, type ContentFaultCode, type ContentLimits } from './content-fault.ts'

export interface ContentSummary {
  size: number
  /** Hex, over every octet written. */
  sha256: string
  /** The header fields, each with its CRLF, without the empty line that ends the header. */
  header: Buffer
  /** The same, read: policy needs no second reading. */
  fields: readonly HeaderField[]
  /** Where the body starts (after the empty line); `size` when there is none. */
  bodyOffset: number
  parts: number
  /** Whether an octet above 127 occurs anywhere. */
  eightBit: boolean
  /** `unknown`: octets above 127 that are not UTF-8. `utf-8` is allowed, and noted, without SMTPUTF8 too. */
  headerCharset: 'ascii' | 'utf-8' | 'unknown'
  /** False only when every part is a plain or HTML text without a name, or the machine part of a report; when unsure, true. */
  mayCarryDocuments: boolean
}

const CR = 13
const LF = 10
const nothing = Buffer.alloc(0)

/**
 * What a message must be before anything else looks at it, checked once, in one linear pass, while it arrives.
 *
 * The scan reads each byte once and does nothing for those above CR; the MIME structure is followed line by line, and a
 * line of a body that does not start with `--` costs one comparison. No buffer grows beyond one line and one header.
 *
 * Give every chunk to `write`, then call `end`. `write` never throws: after the first fault it does nothing, `fault` says
 * why, and the caller drains the rest of DATA without storing it.
 */
export class ContentGuard {
  /** The first fault found, as soon as it is found. */
  fault: ContentFault | undefined
  /** The message's header block as in the summary, as soon as it is complete. */
  header: Buffer | undefined
  fields: readonly HeaderField[] = []
  private readonly limits: ContentLimits
  private readonly hash = createHash('sha256')
  private readonly walk: MimeWalk
  private size = 0
  private eightBit = false
  private bodyOffset = 0
  /** The start of a line whose end has not arrived. Never longer than a line may be, plus its CR. */
  private tail: Buffer = nothing

  constructor(limits: ContentLimits) {
    this.limits = limits
    this.walk = new MimeWalk(limits)
  }

  write(chunk: Buffer): void {
    if (this.fault !== undefined || chunk.length === 0) return
    this.size += chunk.length
    try {
      if (this.size > this.limits.size) throw new ContentFault('tooBig')
      this.scan(chunk)
    } catch (error) {
      if (!(error instanceof ContentFault)) throw error
      this.fault = error
      return
    }
    this.hash.update(chunk)
    this.eightBit ||= !isAscii(chunk)
  }

  /** @throws ContentFault the first fault */
  end(): ContentSummary {
    if (this.fault !== undefined) throw this.fault
    if (this.tail.at(-1) === CR) throw new ContentFault('bareCr')
    if (this.tail.length > 0) this.line(this.tail, 0, this.tail.length, this.size)
    const mayCarryDocuments = this.walk.finish()
    if (this.header === undefined) this.headerEnds(this.size)
    const header = this.header ?? nothing
    return {
      size: this.size,
      sha256: this.hash.digest('hex'),
      header,
      fields: this.fields,
      bodyOffset: this.bodyOffset,
      parts: this.walk.parts,
      eightBit: this.eightBit,
      headerCharset: isAscii(header) ? 'ascii' : isUtf8(header) ? 'utf-8' : 'unknown',
      mayCarryDocuments,
    }
  }

  /** RFC 5321 §2.3.8: CR and LF only as the pair CR LF, also when a chunk ends between the two. */
  private scan(chunk: Buffer): void {
    const base = this.size - chunk.length
    const length = chunk.length
    let start = 0
    let at = 0
    if (this.tail.at(-1) === CR) {
      if (chunk[0] !== LF) throw new ContentFault('bareCr')
      this.lineEnds(chunk, 0, 0, base + 1)
      at = start = 1
    }
    for (; at < length; at += 1) {
      const octet = chunk[at]!
      if (octet > CR) continue
      if (octet === CR) {
        if (at + 1 === length) break
        at += 1
        if (chunk[at] !== LF) throw new ContentFault('bareCr')
        this.lineEnds(chunk, start, at, base + at + 1)
        start = at + 1
      } else if (octet === LF) throw new ContentFault('bareLf')
      else if (octet === 0) throw new ContentFault('nul')
    }
    this.keepTail(chunk, start)
  }

  /** @param lf index of the LF; the line is `chunk[start..lf-1]` without its CR, continued from the tail when there is one */
  private lineEnds(chunk: Buffer, start: number, lf: number, offset: number): void {
    if (this.tail.length === 0) this.line(chunk, start, lf - 1, offset)
    else {
      const whole = Buffer.concat([this.tail, chunk.subarray(start, lf)])
      this.tail = nothing
      this.line(whole, 0, whole.length - 1, offset)
    }
  }

  private keepTail(chunk: Buffer, start: number): void {
    const length = this.tail.length + chunk.length - start
    if (length > Math.max(this.limits.line, this.limits.headerLine) + 1) {
      throw new ContentFault(this.header === undefined ? 'headerLineTooLong' : 'lineTooLong')
    }
    if (start < chunk.length) this.tail = Buffer.concat([this.tail, chunk.subarray(start)])
  }

  /** One whole line without CRLF. @param next where the next line starts in the message */
  private line(bytes: Buffer, start: number, end: number, next: number): void {
    this.walk.line(bytes, start, end)
    if (this.header === undefined && this.walk.top !== undefined) this.headerEnds(next)
  }

  private headerEnds(bodyOffset: number): void {
    this.header = this.walk.top
    this.fields = this.walk.topFields
    this.bodyOffset = bodyOffset
  }
}
