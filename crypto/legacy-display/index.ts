import { CmsFault } from '../cms/fault.ts'
import type { Flow, Stage } from '../cms/flow.ts'
import { startOfEntity } from '../smime-fields.ts'
import { isBodyText, type Part, readPart, withSubject } from './part.ts'

export { subjectOf } from './subject.ts'

/** Which parts of a multipart are read as the mail itself (RFC 9787 §7.1). */
const MAIN_PARTS: Readonly<Record<string, 'first' | 'every'>> = {
  'multipart/mixed': 'first',
  'multipart/related': 'first',
  'multipart/alternative': 'every',
}
const MOST_HEADER = 512 * 1024
/** A text that is longer is left alone, so that memory stays bounded. */
const MOST_TEXT = 1024 * 1024
const MOST_DEPTH = 8
const MOST_DELIMITER = 300
const LF = 10
const DASH = 45
const NOTHING = Buffer.alloc(0)

interface Frame {
  boundary: string
  main: 'first' | 'every'
  parts: number
}

interface Delimiter {
  start: number
  end: number
  level: number
  isLast: boolean
}

/**
 * Legacy Display (RFC 9788 §5.2): shows the subject that is hidden outside in the main text parts too, for readers that do not know header protection.
 * What can't be altered rightly, and everything else, passes octet for octet.
 * @param subject of `subjectOf`
 * @returns the stage through which a MIME entity flows, its header first, all line ends CRLF
 */
export function legacyDisplay(subject: string): Stage {
  return next => new Walk(subject, next)
}

/**
 * Follows the structure as far as the last main part, and from there lets everything through.
 *   header   of an entity: nothing is handed on before its end
 *   text     of a main part, kept until its end
 *   rest     of anything else
 *   through  no main part can follow
 */
class Walk implements Flow {
  private readonly subject: string
  private readonly next: Flow
  private state: 'header' | 'text' | 'rest' | 'through' = 'header'
  private readonly frames: Frame[] = []
  /** Not looked at yet. */
  private held: Buffer = NOTHING
  private startsLine = true
  private part: Part | undefined
  /** The main part as it came: its header, and then its body. */
  private raw: Buffer[] = []
  private length = 0

  constructor(subject: string, next: Flow) {
    this.subject = subject
    this.next = next
  }

  add(octets: Buffer): void {
    const data = this.held.length > 0 ? Buffer.concat([this.held, octets]) : octets
    let at = 0
    while (at < data.length && this.state !== 'through') {
      const to = this.state === 'header' ? this.header(data, at) : this.body(data, at)
      if (to === at) break // more is needed
      this.startsLine = data[to - 1] === LF
      at = to
    }
    const left = data.subarray(at)
    if (this.state === 'through' && left.length > 0) this.next.add(left)
    this.held = this.state === 'through' ? NOTHING : left
  }

  end(): void {
    if (this.state === 'text' && this.frames.length === 0) this.textEnds()
    if (this.state === 'text') this.release()
    if (this.held.length > 0) this.next.add(this.held)
    this.next.end()
  }

  /** @returns how far it came */
  private header(data: Buffer, at: number): number {
    const end = endOfHeader(data, at)
    const found = this.delimiter(data, at)
    if (found && (end === undefined || found.start < end)) {
      this.raw.push(data.subarray(at, found.start))
      return this.cross(data, found)
    }
    if (end !== undefined) this.enter(data.subarray(at, end))
    else if (data.length - at > MOST_HEADER) this.state = 'through'
    return end ?? at
  }

  /** @returns how far it came */
  private body(data: Buffer, at: number): number {
    const found = this.delimiter(data, at)
    const to = found?.start ?? this.startOfTail(data, at)
    this.take(data.subarray(at, to))
    return found && this.state !== 'through' ? this.cross(data, found) : to
  }

  /** Where a line starts that may be a delimiter once it is whole. */
  private startOfTail(data: Buffer, at: number): number {
    const lf = data.lastIndexOf(LF)
    const line = lf >= at ? lf + 1 : this.startsLine ? at : data.length
    return this.frames.length > 0 && data[line] === DASH && data.length - line < MOST_DELIMITER ? line : data.length
  }

  private take(octets: Buffer): void {
    this.raw.push(octets)
    this.length += octets.length
    if (this.state !== 'text' || this.length > MOST_TEXT) this.release()
  }

  /** What was kept goes on as it came. */
  private release(): void {
    for (const octets of this.raw.splice(0)) if (octets.length > 0) this.next.add(octets)
    this.goOn()
  }

  private goOn(): void {
    this.state = this.frames.some(({ main, parts }) => main === 'every' || parts === 0) ? 'rest' : 'through'
  }

  private enter(header: Buffer): void {
    const part = readable(header)
    this.raw = [header]
    this.length = 0
    if (part && isBodyText(part)) {
      this.part = part
      this.state = 'text'
      return
    }
    if (part) this.enterMultipart(part)
    this.release()
  }

  private enterMultipart({ type, parameters, encoding }: Part): void {
    const main = MAIN_PARTS[type]
    const boundary = parameters.get('boundary') ?? ''
    if (!main || parameters.has('start') || !/^[78]bit$|^binary$/.test(encoding) || this.frames.length === MOST_DEPTH) return
    if (!/^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(boundary) || this.frames.some(frame => frame.boundary === boundary)) return
    this.frames.push({ boundary, main, parts: 0 })
  }

  /** The line end before a delimiter is part of it (RFC 2046 §5.1.1). */
  private textEnds(): void {
    const [, ...pieces] = this.raw
    const body = Buffer.concat(pieces)
    const end = this.frames.length > 0 ? body.length - 2 : body.length
    if (end < body.length && (end < 0 || body.readUInt16BE(end) !== CRLF)) return
    const shown = withSubject(this.part!, body.subarray(0, end), this.subject)
    if (!shown) return
    this.raw = [shown, body.subarray(end)]
  }

  private cross(data: Buffer, { start, end, level, isLast }: Delimiter): number {
    if (level === UNSURE) {
      this.release()
      this.state = 'through'
      return end
    }
    if (this.state === 'text') this.textEnds()
    this.raw.push(data.subarray(start, end))
    this.frames.length = isLast ? level : level + 1
    const frame = isLast ? undefined : this.frames[level]
    if (frame) frame.parts += 1
    this.release()
    if (frame && (frame.main === 'every' || frame.parts === 1)) this.state = 'header'
    return end
  }

  /** @returns the next line that ends a part, the innermost multipart comes first; or that may, but is longer than we wait for */
  private delimiter(data: Buffer, at: number): Delimiter | undefined {
    if (this.frames.length === 0) return undefined
    const isHere = this.startsLine && data[at] === DASH && data[at + 1] === DASH
    for (let start = isHere ? at : nextDashes(data, at); start >= 0; start = nextDashes(data, start)) {
      const lf = data.indexOf(LF, start)
      const line = data.subarray(start, lf < 0 ? undefined : lf)
      if (line.length >= MOST_DELIMITER) {
        if (this.frames.some(({ boundary }) => startsWith(line, boundary))) return { start, end: start, level: UNSURE, isLast: true }
      } else if (lf < 0) return undefined
      else {
        const level = this.frames.findLastIndex(({ boundary }) => isDelimiter(line, boundary) || isDelimiter(line, `${boundary}--`))
        if (level >= 0) return { start, end: lf + 1, level, isLast: !isDelimiter(line, this.frames[level]!.boundary) }
      }
    }
    return undefined
  }
}

const CRLF = 0x0d0a
/** Level of a line that is too long to say which delimiter it is. */
const UNSURE = -1

/** @param line without its LF */
function startsWith(line: Buffer, text: string): boolean {
  return line.length >= text.length + 2 && line.toString('latin1', 2, text.length + 2) === text
}

/** RFC 2046 §5.1.1: blanks may follow. */
function isDelimiter(line: Buffer, text: string): boolean {
  return startsWith(line, text) && line.subarray(text.length + 2).every(octet => octet === 32 || octet === 9 || octet === 13)
}

/** @returns where the next line begins that starts with two dashes, or -1 */
function nextDashes(data: Buffer, at: number): number {
  const lf = data.indexOf('\n--', at)
  return lf < 0 ? -1 : lf + 1
}

function endOfHeader(data: Buffer, at: number): number | undefined {
  if (data[at] === 13 && data[at + 1] === LF) return at + 2
  const end = data.indexOf('\r\n\r\n', at)
  return end < 0 ? undefined : end + 4
}

function readable(header: Buffer): Part | undefined {
  try {
    return readPart(startOfEntity(header)?.fields ?? [])
  } catch (fault) {
    if (fault instanceof CmsFault) return undefined
    throw fault
  }
}
