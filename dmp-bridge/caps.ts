import type { Reason } from './reasons.ts'

/** What a message may be before a parser sees it, and what it may unfold to. Bytes unless said otherwise. */
export interface Limits {
  maxMessageBytes: number
  /** header section of the message or of one part */
  maxHeaderBytes: number
  maxLineBytes: number
  /** MIME parts, all levels together */
  maxParts: number
  /** levels of multipart and of messages in messages */
  maxDepth: number
  /** documents of a message, and entries of its METADATA.XML: each is compared with each */
  maxDocuments: number
  /** files and bytes in archives, all of a message together */
  maxZipEntries: number
  maxUnzippedBytes: number
  /** unfolded to packed, of one entry larger than 1 MiB */
  maxZipRatio: number
  maxXmlBytes: number
  maxXmlDepth: number
  /** elements kept of one XML file: a header, or a METADATA.XML */
  maxXmlElements: number
}

/** Twice what an operator lets through (10 MB, 25 to patients: spec dmp §1.9), and far above real documents (3 MB). */
export const DEFAULT_LIMITS: Limits = {
  maxMessageBytes: 50 * 1024 * 1024,
  maxHeaderBytes: 128 * 1024,
  maxLineBytes: 256 * 1024,
  maxParts: 200,
  maxDepth: 12,
  maxDocuments: 50,
  maxZipEntries: 500,
  maxUnzippedBytes: 64 * 1024 * 1024,
  maxZipRatio: 200,
  maxXmlBytes: 32 * 1024 * 1024,
  maxXmlDepth: 200,
  maxXmlElements: 100_000,
}

/**
 * Measures a message in one pass over its bytes, so that no parser ever meets one that was made to stall it. It follows the
 * MIME structure only as far as needed to count: header sections, boundaries, messages in messages.
 * @param eml the message, CRLF or LF
 * @param onBase64 told where each body in base64 that is no text starts
 * @returns the first limit that it breaks, or undefined
 */
export function exceededCap(eml: Uint8Array, limits: Limits, onBase64: (start: number) => void = () => {}): Reason | undefined {
  if (eml.length > limits.maxMessageBytes) return 'message-too-big'
  const bytes = Buffer.from(eml.buffer, eml.byteOffset, eml.byteLength)
  const scan = new MimeScan(limits)
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    if (end - start > limits.maxLineBytes) return scan.inHeader ? 'header-too-big' : 'line-too-long'
    const broken = scan.line(bytes, start, end)
    if (broken) return broken
    start = end + 1
    if (scan.entersBase64) onBase64(start)
  }
  return undefined
}

/** Where we are in the MIME structure: the open boundaries, and whether a header section is being read. */
class MimeScan {
  inHeader = true
  /** Whether the line just read ended the header of a body in base64. */
  entersBase64 = false
  readonly #limits: Limits
  /** an undefined entry is a message in a message: it adds a level and has no boundary */
  #open: (string | undefined)[] = []
  #header: string[] = []
  #headerBytes = 0
  #parts = 1

  constructor(limits: Limits) {
    this.#limits = limits
  }

  line(bytes: Buffer, start: number, end: number): Reason | undefined {
    const length = bytes[end - 1] === 0x0d ? end - 1 - start : end - start
    this.entersBase64 = false
    if (bytes[start] === 0x2d && bytes[start + 1] === 0x2d && this.#open.length > 0 && length <= 2 + MAX_BOUNDARY + 2) {
      if (this.#delimiter(bytes.toString('latin1', start + 2, start + length).trimEnd())) return this.#countPart()
    }
    if (!this.inHeader) return undefined
    if (length === 0) return this.#endHeader()
    this.#headerBytes += length
    if (this.#headerBytes > this.#limits.maxHeaderBytes) return 'header-too-big'
    this.#header.push(bytes.toString('latin1', start, start + length))
    return undefined
  }

  /** A delimiter of an outer multipart closes the inner ones (RFC 2046 §5.1.2). */
  #delimiter(text: string): boolean {
    const open = this.#open.lastIndexOf(text)
    if (open !== -1) {
      this.#open.length = open + 1
      this.#startHeader()
      return true
    }
    const closed = text.endsWith('--') ? this.#open.lastIndexOf(text.slice(0, -2)) : -1
    if (closed !== -1) {
      this.#open.length = closed
      this.inHeader = false
    }
    return false
  }

  #countPart(): Reason | undefined {
    this.#parts += 1
    return this.#parts > this.#limits.maxParts ? 'too-many-parts' : undefined
  }

  #startHeader(): void {
    this.inHeader = true
    this.#header = []
    this.#headerBytes = 0
  }

  #endHeader(): Reason | undefined {
    const [types, encodings] = [fields(this.#header, 'content-type'), fields(this.#header, 'content-transfer-encoding')]
    const type = types[0] ?? ''
    this.inHeader = false
    // Readers disagree on which of two fields is meant, and on an encoded multipart (RFC 2045 §6.4): one of them would see no document.
    const isEncoded = /^multipart\//i.test(type) && encodings.some(each => !/^(7bit|8bit|binary)\s*($|\()/i.test(each))
    if (types.length > 1 || encodings.length > 1 || isEncoded) return 'message-malformed'
    if (/^message\/(rfc822|global)\b/i.test(type)) {
      this.#open.push(undefined)
      this.#startHeader()
    }
    const boundary = /^multipart\//i.test(type) ? /;\s*boundary\*?\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(type) : null
    const delimiter = (boundary?.[1] ?? boundary?.[2] ?? '').trimEnd()
    if (boundary && this.#open.includes(delimiter)) return 'message-malformed' // nobody can tell whose part the next one is
    if (boundary) this.#open.push(delimiter)
    // A text is read to its end: it may hide a document (RFC 2045 §5.2: without a type it is one).
    const isText = type === '' || /^text\/(plain|html)\b/i.test(type)
    this.entersBase64 = !this.inHeader && !boundary && !isText && /^base64\s*$/i.test(encodings[0] ?? '')
    return this.#open.length > this.#limits.maxDepth ? 'too-deep' : undefined
  }
}

const MAX_BOUNDARY = 200 // RFC 2046 §5.1.1 says 70; real ones are longer

/** @returns the unfolded values of the fields with that name in a header section */
function fields(lines: string[], name: string): string[] {
  const unfolded: string[] = []
  for (const line of lines) {
    if (/^[ \t]/.test(line) && unfolded.length > 0) unfolded[unfolded.length - 1] += ` ${line}`
    else unfolded.push(line)
  }
  const field = new RegExp(`^${name}\\s*:`, 'i')
  return unfolded.filter(each => field.test(each)).map(each => each.slice(each.indexOf(':') + 1).trim())
}
