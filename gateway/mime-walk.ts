import { ContentFault, type ContentLimits } from './content-fault.ts'
import { all, HeaderFault, type HeaderField, type MediaType, parseMediaType, readHeader } from './header.ts'

/** A multipart whose boundary is awaited, or a nested message (it has no boundary of its own and ends with its parent). */
interface Frame {
  boundary: string | undefined
  kind: 'multipart' | 'digest' | 'report' | 'message'
}

const DASH = 45
/** RFC 2046 §5.1.1 says 70; longer ones are seen, beyond this they are no boundary for anybody. */
const longestBoundary = 200

/**
 * Follows the MIME structure of a message line by line (RFC 2046 §5.1), to count parts, bound their nesting and headers,
 * and say whether any part could be a document. It decodes nothing. Where mail programs would disagree on the
 * structure it refuses (`ambiguousParts`) or, when only the question "could it be a document?" depends on it, answers yes.
 */
export class MimeWalk {
  parts = 1
  /** The message's own header block and its fields, once complete. */
  top: Buffer | undefined
  topFields: HeaderField[] = []
  private readonly limits: ContentLimits
  private readonly stack: Frame[] = []
  private inHeader = true
  private head = Buffer.allocUnsafe(4096)
  private headLength = 0
  private headFields = 0
  private documents = false

  constructor(limits: ContentLimits) {
    this.limits = limits
  }

  /** Takes one line, `bytes[start..end]`, without its CRLF. @throws ContentFault */
  line(bytes: Buffer, start: number, end: number): void {
    if (this.inHeader) {
      if (end - start > this.limits.headerLine) throw new ContentFault('headerLineTooLong')
      if (end === start) this.headerEnds()
      else if (!this.isBoundary(bytes, start, end)) this.headerLine(bytes, start, end)
      return
    }
    if (end - start > this.limits.line) throw new ContentFault('lineTooLong')
    this.isBoundary(bytes, start, end)
  }

  /** The message is over. @returns whether it may carry a document. @throws ContentFault when it never had a header */
  finish(): boolean {
    if (this.top === undefined) this.headerEnds()
    return this.documents
  }

  private headerLine(bytes: Buffer, start: number, end: number): void {
    const length = end - start + 2
    if (this.headLength + length > this.limits.headerBytes) throw new ContentFault('headerTooLong')
    const first = bytes[start]
    if (first !== 32 && first !== 9) {
      this.headFields += 1
      if (this.headFields > this.limits.headerFields) throw new ContentFault('tooManyFields')
    }
    if (this.headLength + length > this.head.length) this.head = Buffer.concat([this.head], (this.headLength + length) * 2)
    this.headLength += bytes.copy(this.head, this.headLength, start, end)
    this.headLength += this.head.write('\r\n', this.headLength)
  }

  private headerEnds(): void {
    const isTop = this.top === undefined
    const block = isTop ? Buffer.from(this.head.subarray(0, this.headLength)) : this.head.subarray(0, this.headLength)
    if (isTop && block.length === 0) throw new ContentFault('noHeader')
    const fields = this.readFields(block, isTop)
    this.inHeader = false
    this.enter(fields)
    this.headLength = 0
    this.headFields = 0
    if (!isTop) return
    this.top = block
    this.topFields = fields
  }

  private readFields(block: Buffer, isTop: boolean): HeaderField[] {
    try {
      return readHeader(block)
    } catch (error) {
      if (!(error instanceof HeaderFault)) throw error
      if (isTop) throw new ContentFault('headerMalformed')
      // A malformed part is common enough, and harmless unless it hides a structure.
      if (/multipart/i.test(block.toString('latin1'))) throw new ContentFault('ambiguousParts')
      this.documents = true
      return []
    }
  }

  /** Decides what the entity with this header is: a multipart, a nested message, or a leaf. */
  private enter(fields: HeaderField[]): void {
    const parent = this.stack.at(-1)?.kind
    const media = this.mediaType(fields, parent === 'digest' ? 'message/rfc822' : 'text/plain')
    if (media === undefined) this.documents = true
    else if (media.type.startsWith('multipart/')) this.enterMultipart(media, fields)
    else if (isNestedMessage(media.type) && isIdentity(fields)) this.enterMessage()
    else this.documents ||= couldBeDocument(media, fields, parent)
  }

  private mediaType(fields: HeaderField[], otherwise: string): MediaType | undefined {
    const [field, ...others] = all(fields, 'Content-Type')
    if (field === undefined) return { type: otherwise, parameters: new Map() }
    try {
      if (others.length > 0) throw new HeaderFault('duplicate', 'Content-Type')
      return parseMediaType(field.value)
    } catch (error) {
      if (!(error instanceof HeaderFault)) throw error
      if (others.length > 0 || /multipart|message/i.test(field.value)) throw new ContentFault('ambiguousParts')
      return undefined
    }
  }

  private enterMultipart(media: MediaType, fields: HeaderField[]): void {
    const boundary = media.parameters.get('boundary') ?? ''
    if (!/^[\x20-\x7e]*[\x21-\x7e]$/.test(boundary) || boundary.length > longestBoundary) throw new ContentFault('ambiguousParts')
    // RFC 2045 §6.4: an encoded multipart is illegal, yet some programs declare one, and readers pass over the declaration.
    if (!isIdentity(fields)) this.documents = true
    if (this.stack.some(frame => frame.boundary === boundary)) this.documents = true
    this.push({ boundary, kind: media.type === 'multipart/digest' ? 'digest' : media.type === 'multipart/report' ? 'report' : 'multipart' })
  }

  private enterMessage(): void {
    this.push({ boundary: undefined, kind: 'message' })
    this.startPart()
  }

  private push(frame: Frame): void {
    this.stack.push(frame)
    if (this.stack.length > this.limits.depth) throw new ContentFault('tooDeep')
  }

  private startPart(): void {
    this.parts += 1
    if (this.parts > this.limits.parts) throw new ContentFault('tooManyParts')
    this.inHeader = true
  }

  /** RFC 2046 §5.1.1: `--boundary`, or `--boundary--` after the last part; blanks may follow. Ends every part that was open inside. */
  private isBoundary(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[start] !== DASH || end - start < 3 || bytes[start + 1] !== DASH || this.stack.length === 0) return false
    const text = bytes.toString('latin1', start + 2, Math.min(end, start + longestBoundary + 32)).trimEnd()
    for (let level = this.stack.length - 1; level >= 0; level -= 1) {
      const boundary = this.stack[level]!.boundary
      if (boundary === undefined || !text.startsWith(boundary)) continue
      if (text.length === boundary.length) return this.partStarts(level)
      if (text.length === boundary.length + 2 && text.endsWith('--')) return this.partsEnd(level)
      this.documents = true // RFC 2046 §5.1.1 forbids such a line inside a part; some readers take it for the boundary
    }
    return false
  }

  private partStarts(level: number): boolean {
    this.leaveParts(level + 1)
    this.startPart()
    return true
  }

  private partsEnd(level: number): boolean {
    this.leaveParts(level)
    return true
  }

  /** A part whose header was cut by a boundary is still judged by what the header said. */
  private leaveParts(level: number): void {
    if (this.inHeader && this.headLength > 0) this.headerEnds()
    this.inHeader = false
    this.headLength = 0
    this.headFields = 0
    this.stack.length = Math.min(level, this.stack.length)
  }
}

function isNestedMessage(type: string): boolean {
  return type === 'message/rfc822' || type === 'message/global'
}

function isIdentity(fields: HeaderField[]): boolean {
  const encodings = all(fields, 'Content-Transfer-Encoding')
  return encodings.length < 2 && /^(?:7bit|8bit|binary)?$/i.test(encodings[0]?.value ?? '')
}

const machineParts = /^(?:message\/(?:global-)?(?:delivery-status|disposition-notification)|(?:text\/rfc822|message\/global)-headers)$/

function couldBeDocument(media: MediaType, fields: HeaderField[], parent: Frame['kind'] | undefined): boolean {
  if (parent === 'report' && machineParts.test(media.type)) return false // RFC 3464 §2.1, RFC 8098 §3.1, RFC 6533
  if (media.type !== 'text/plain' && media.type !== 'text/html') return true
  return media.parameters.has('name') || all(fields, 'Content-Disposition').some(field => !/^inline[ \t;]*$/i.test(field.value))
}
