/** One HL7 v2 message as it was read: its segments split into fields, nothing unescaped. */
export interface Hl7Message {
  /** MSH-9.1, e.g. `MDM` */
  type: string
  /** MSH-9.2, e.g. `T02` */
  event: string
  /** field n of a segment at index n, but for MSH, whose first field is the separator itself */
  segments: string[][]
  separators: Separators
}

export interface Separators {
  component: string
  repetition: string
  escape: string
  sub: string
}

/** Batches wrap messages (FHS, BHS); MLLP begins with a vertical tab; files have byte order marks. */
const START = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x0b]*(?:MSH|FHS|BHS)[^\w\s]/

/** Lines of a base64 that was folded count too: 76 characters each in a message of 50 MB are 700,000. */
const MOST_LINES = 700_000
const MOST_MESSAGES = 200
const MOST_SEGMENTS = 20_000
/** PID has 39 fields, no other of ours has more. */
const MOST_FIELDS = 64

/** @returns whether a file is HL7 v2 (ER7), by its first characters */
export function looksLikeHl7(content: Uint8Array): boolean {
  const head = Buffer.from(content.buffer, content.byteOffset, Math.min(content.byteLength, 512)).toString('latin1')
  return START.test(head.replaceAll('\0', ''))
}

/** @returns whether a text that people read holds a message that carries a file: software that attaches one badly makes it part of the text */
export function hidesHl7(text: string): boolean {
  return /(^|[\r\n])MSH[^\w\s]/.test(text) && /(^|[\r\n])OBX([^\w\s])\d*\2ED\2/.test(text)
}

/**
 * Reads the messages of a file. Segments end with CR (HL7 v2 §2.4), LF or both; a line that begins none is the rest of the one before.
 * @returns undefined in place of a message that is too long, or whose separators can't be those of HL7
 */
export function readMessages(content: Uint8Array): (Hl7Message | undefined)[] {
  const lines = decode(content).split(/\r\n|[\r\n\x0b\x1c]/, MOST_LINES + 1)
  const messages: string[][] = []
  for (const line of lines) {
    if (/^MSH[^\w\s]/.test(line)) messages.push([line])
    else if (line.trim() !== '' && !/^[FB]TS\W|^[FB]HS\W/.test(line)) messages.at(-1)?.push(line)
  }
  const isTooLong = lines.length > MOST_LINES || messages.length > MOST_MESSAGES
  return messages.length === 0 || isTooLong ? [undefined] : messages.map(readMessage)
}

/** MSH-18 is often wrong: what is UTF-8 is read so, anything else octet by octet. */
function decode(content: Uint8Array): string {
  const [first, second] = content
  const marked = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(marked, { fatal: true }).decode(content)
  } catch {
    return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('latin1')
  }
}

function readMessage(lines: readonly string[]): Hl7Message | undefined {
  const header = lines[0] ?? ''
  const field = header.charAt(3)
  const encoding = [...(header.slice(4).split(field, 1)[0] ?? '')]
  const [component, repetition, escapes, sub] = encoding // V2.0 of the ANS has messages that declare U+02DC for the repetition
  const all = [field, ...encoding]
  if (!component || !repetition || !escapes || !sub || all.length > 6 || new Set(all).size < all.length) return undefined
  if (all.some(each => /[\p{L}\p{N}\s+/=]/u.test(each))) return undefined // they would cut a base64
  const unsplit = unfolded(lines, field)
  if (unsplit.length > MOST_SEGMENTS) return undefined
  const segments = unsplit.map(each => each.split(field, MOST_FIELDS))
  const [type = '', event = ''] = (segments[0]?.[8] ?? '').split(component)
  return { type, event, segments, separators: { component, repetition, escape: escapes, sub } }
}

function unfolded(lines: readonly string[], field: string): string[] {
  const segments: string[][] = []
  for (const line of lines) {
    const isSegment = /^[A-Z][A-Z0-9]{2}/.test(line) && (line.length === 3 || line.startsWith(field, 3))
    if (isSegment || segments.length === 0) segments.push([line])
    else segments.at(-1)?.push(line)
  }
  return segments.map(each => each.join('\n'))
}

/** @returns the segments with that name */
export function named(message: Hl7Message, name: string): string[][] {
  return message.segments.filter(each => each[0] === name)
}

/**
 * A base64 of a field: blanks, and line ends written as escapes, are left out.
 * @returns undefined when it is none, or empty
 */
export function base64In(text: string, separators: Separators): Uint8Array | undefined {
  const folds = ['.br', 'X0D', 'X0A', 'X0D0A'].map(each => `${separators.escape}${each}${separators.escape}`)
  const bare = folds.reduce((rest, fold) => rest.replaceAll(fold, ''), text).replace(/\s+/g, '')
  const isWhole = /^[A-Za-z0-9+/]+={0,2}$/.test(bare) && bare.replace(/=+$/, '').length % 4 !== 1
  return isWhole ? new Uint8Array(Buffer.from(bare, 'base64')) : undefined
}
