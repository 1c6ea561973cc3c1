/**
 * Strict reading of a header block (RFC 5322 §2.2), over the bytes as they came. Policy (who sends, what is asked, is it
 * a report?) reads headers here and nowhere else, so a field that could be read in two ways is a fault.
 */
export interface HeaderField {
  /** As written. Compare without regard to case. */
  name: string
  /** Unfolded (RFC 5322 §2.2.3) and trimmed; UTF-8 (RFC 6532), undecodable bytes as U+FFFD. */
  value: string
  /** The bytes of the field with all its lines and its final CRLF. */
  raw: Buffer
}

export const HEADER_FAULTS = {
  malformed: 'A header line is malformed',
  missing: 'A mandatory header field is missing',
  duplicate: 'A header field that may occur once occurs several times',
  contentType: 'The Content-Type field cannot be read without doubt',
  messageId: 'The Message-ID field is malformed',
} as const

export class HeaderFault extends Error {
  override readonly name = 'HeaderFault'
  readonly reason: keyof typeof HEADER_FAULTS
  readonly field: string | undefined
  constructor(reason: keyof typeof HEADER_FAULTS, field?: string) {
    super(field === undefined ? HEADER_FAULTS[reason] : `${HEADER_FAULTS[reason]}: ${field}`)
    this.reason = reason
    this.field = field
  }
}

/** RFC 5322 §3.6 (maximum number 1), of those that a decision or a parser's view of the message depends on. */
const once = ['From', 'Sender', 'Reply-To', 'Date', 'Message-ID', 'Subject', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding']

const fieldLine = /^([!-9;-~]+):/ // RFC 5322 §3.6.8 ftext; no blank before the colon (§4.5 is obsolete)

/**
 * Splits a header block into fields.
 * @param block the lines of the header, each ended by CRLF, with or without the empty line after them
 * @throws HeaderFault `malformed` when a line is neither a field nor the continuation of one
 */
export function readHeader(block: Buffer): HeaderField[] {
  const fields: HeaderField[] = []
  for (const raw of splitFields(block)) {
    const name = fieldLine.exec(raw.toString('latin1', 0, Math.min(raw.length, 256)))?.[1]
    if (name === undefined) throw new HeaderFault('malformed')
    fields.push({ name, value: unfold(raw.toString('utf8', name.length + 1)), raw })
  }
  return fields
}

function unfold(text: string): string {
  return text.replace(/\r\n(?=[ \t])/g, '').trim()
}

function splitFields(block: Buffer): Buffer[] {
  const fields: Buffer[] = []
  let start = 0
  for (let at = 0; at < block.length; ) {
    const lf = block.indexOf(10, at)
    const end = lf < 0 ? block.length : lf + 1
    if (block[at] === 13 || block[at] === 10) break // the empty line
    const continues = block[at] === 32 || block[at] === 9
    // RFC 5322 §3.2.2: a continuation of blanks alone is obsolete, and some readers take it for the end of the header.
    if (continues && (at === 0 || block.toString('latin1', at, end).trim() === '')) throw new HeaderFault('malformed')
    if (!continues && at > start) fields.push(block.subarray(start, at))
    if (!continues) start = at
    at = end
    if (at >= block.length || block[at] === 13 || block[at] === 10) fields.push(block.subarray(start, at))
  }
  return fields
}

/** @returns the fields of that name, in order */
export function all(fields: readonly HeaderField[], name: string): HeaderField[] {
  const wanted = name.toLowerCase()
  return fields.filter(field => field.name.toLowerCase() === wanted)
}

/** @returns the value of the field that may occur at most once, or undefined. @throws HeaderFault `duplicate` */
export function optional(fields: readonly HeaderField[], name: string): string | undefined {
  const [field, ...others] = all(fields, name)
  if (others.length > 0) throw new HeaderFault('duplicate', name)
  return field?.value
}

/** @returns the value of the field that must occur exactly once. @throws HeaderFault `missing` or `duplicate` */
export function only(fields: readonly HeaderField[], name: string): string {
  const value = optional(fields, name)
  if (value === undefined) throw new HeaderFault('missing', name)
  return value
}

/** Two From, two Subject or two Content-Type fields are read differently by different programs: refused. @throws HeaderFault `duplicate` */
export function checkUnique(fields: readonly HeaderField[]): void {
  for (const name of once) optional(fields, name)
}

/**
 * The message's identifier (RFC 5322 §3.6.4).
 * @returns `<left@right>`, exactly as written but for blanks around it, or undefined when there is none
 * @throws HeaderFault `messageId` when it is not one msg-id of visible characters, at most 995 octets
 */
export function messageId(fields: readonly HeaderField[]): string | undefined {
  const value = optional(fields, 'Message-ID')
  if (value === undefined) return undefined
  if (value.length > 995 || !/^<[^\s<>\x00-\x20\x7f]+>$/.test(value)) throw new HeaderFault('messageId', 'Message-ID')
  return value
}

export interface MediaType {
  /** `type/subtype`, lower case. */
  type: string
  /** Names in lower case; RFC 2231 continuations joined, percent octets decoded as UTF-8. */
  parameters: ReadonlyMap<string, string>
}

/**
 * Reads a Content-Type or Content-Disposition value (RFC 2045 §5.1, RFC 2231): blanks and a final `;` are tolerated, comments,
 * doubled parameters and unbalanced quotes are not, since two readers then see two different messages.
 * @throws HeaderFault `contentType`
 */
export function parseMediaType(value: string): MediaType {
  const head = /^[ \t]*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+(?:[ \t]*\/[ \t]*[!#$%&'*+.^_`{|}~0-9A-Za-z-]+)?)[ \t]*/.exec(value)
  if (!head) throw new HeaderFault('contentType')
  const parameters = new Map<string, string>()
  const parameter = /;[ \t]*(?:([^\s;=()<>@,"/[\]?:\\]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"(),<>@[\]\\]+))[ \t]*)?/y
  for (parameter.lastIndex = head[0].length; parameter.lastIndex < value.length; ) {
    const found = parameter.exec(value)
    if (!found) throw new HeaderFault('contentType')
    if (found[1] !== undefined) addParameter(parameters, found[1].toLowerCase(), found[2]?.replace(/\\(.)/g, '$1') ?? found[3] ?? '')
  }
  return { type: head[1]!.replace(/[ \t]/g, '').toLowerCase(), parameters: joinContinuations(parameters) }
}

function addParameter(parameters: Map<string, string>, name: string, value: string): void {
  if (parameters.has(name)) throw new HeaderFault('contentType')
  parameters.set(name, value)
}

/** RFC 2231 §3 and §4: `name*0*=utf-8''…; name*1=…`, `name*=utf-8''…`. */
function joinContinuations(raw: Map<string, string>): Map<string, string> {
  const joined = new Map<string, string>()
  for (const [name, value] of raw) if (!name.includes('*')) joined.set(name, value)
  for (const [name, value] of raw) {
    const [, base, section, encoded] = /^([^*]+)\*(?:(0)(\*)?)?$/.exec(name) ?? []
    if (base === undefined) continue
    let text = section === undefined || encoded !== undefined ? decodeExtended(value) : value
    for (let next = 1; section !== undefined; next += 1) {
      const plain = raw.get(`${base}*${next}`)
      const extended = raw.get(`${base}*${next}*`)
      if (plain === undefined && extended === undefined) break
      text += plain ?? decodePercent(extended ?? '')
    }
    // A boundary or report-type written both ways may not differ (a filename may: the plain one is then an ASCII fallback).
    const plain = joined.get(base)
    if (plain !== undefined && plain !== text && !/^(?:file)?name$/.test(base)) throw new HeaderFault('contentType')
    joined.set(base, text)
  }
  return joined
}

function decodeExtended(value: string): string {
  const text = /^[^']*'[^']*'(.*)$/s.exec(value)?.[1]
  return decodePercent(text ?? value)
}

function decodePercent(text: string): string {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return /[^\x00-\xff]/.test(bytes) ? text : Buffer.from(bytes, 'latin1').toString('utf8')
}

/** @returns the message's media type; `text/plain` when the field is absent (RFC 2045 §5.2). @throws HeaderFault */
export function contentType(fields: readonly HeaderField[]): MediaType {
  const value = optional(fields, 'Content-Type')
  return value === undefined ? { type: 'text/plain', parameters: new Map() } : parseMediaType(value)
}

/** @returns which report the message says it is (RFC 3464 §2, RFC 8098 §3), or undefined. @throws HeaderFault */
export function isReport(fields: readonly HeaderField[]): 'delivery-status' | 'disposition-notification' | undefined {
  const value = optional(fields, 'Content-Type') ?? ''
  if (!/^multipart[ \t]*\/[ \t]*report(?![!#$%&'*+.^_`{|}~0-9A-Za-z-])/i.test(value)) return undefined // multipart/report-x is none
  const kind = parseMediaType(value).parameters.get('report-type')?.toLowerCase()
  return kind === 'delivery-status' || kind === 'disposition-notification' ? kind : undefined
}

/** @returns the header block without the fields of that name (Bcc before it leaves, RFC 5322 §3.6.3); other bytes untouched */
export function removeField(block: Buffer, name: string): Buffer {
  const wanted = name.toLowerCase()
  return removeFields(block, field => field.name.toLowerCase() === wanted)
}

/** @param fields of the block, where they were read already. @returns the block without those fields; other bytes untouched */
export function removeFields(
  block: Buffer,
  isUnwanted: (field: HeaderField) => boolean,
  fields: readonly HeaderField[] = readHeader(block),
): Buffer {
  const kept = fields.filter(field => !isUnwanted(field))
  if (kept.length === fields.length) return block
  const end = fields.reduce((sum, field) => sum + field.raw.length, 0)
  return Buffer.concat([...kept.map(field => field.raw), block.subarray(end)])
}

/**
 * Renders one field to be added to a header.
 * @param value already encoded; folded at its blanks so that lines stay within 78 octets where they can (RFC 5322 §2.1.1)
 * @throws TypeError when name or value could start another line
 */
export function renderField(name: string, value: string): Buffer {
  if (!/^[!-9;-~]+$/.test(name) || /[\r\n\0]/.test(value)) throw new TypeError('A header field may not hold a line end')
  let text = ''
  let line = `${name}:`
  for (const word of value.split(' ').filter(part => part !== '')) {
    if (Buffer.byteLength(line) + 1 + Buffer.byteLength(word) > 78 && line.trim() !== '' && line !== `${name}:`) {
      text += `${line}\r\n`
      line = ''
    }
    line += ` ${word}`
  }
  return Buffer.from(`${text}${line}\r\n`)
}
