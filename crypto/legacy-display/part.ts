import { isAscii } from 'node:buffer'
import { bodyOf, type Field } from '../smime-fields.ts'
import { textIn } from './charsets.ts'
import { decodeBody, type Encoding, encodeBody, isEncoding } from './encodings.ts'
import { startOfBody } from './html.ts'

/** A part of which every reader sees the same header. */
export interface Part {
  fields: Field[]
  type: string
  /** Names in lower case. */
  parameters: ReadonlyMap<string, string>
  /** Lower case. */
  encoding: string
}

/** Charsets in which the octets of ASCII are ASCII, and nothing else is. */
const HOLDS_ASCII = /^(?:us-ascii|utf-8|iso-8859-(?:[1-9]|1[0-6])|windows-125[0-8]|koi8-[ru])$/
/** RFC 5322 §2.1.1 allows lines of 998. */
const MOST_SHOWN = 900
const DASHES = Buffer.from('--')
const BOM = Buffer.from([0xef, 0xbb, 0xbf])
const PARAMETER = /;\s*([A-Za-z0-9_.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"\\()<>@,/[\]?=:]+))\s*/y

/** @returns undefined when readers might not agree on what the header says, or it says what is better left alone */
export function readPart(fields: Field[]): Part | undefined {
  const media = strictType(fields)
  const encodings = fields.filter(({ name }) => name === 'content-transfer-encoding').map(field => bodyOf(field).toLowerCase())
  if (!media || encodings.length > 1 || fields.some(({ name }) => name === 'content-md5')) return undefined
  return { fields, ...media, encoding: encodings[0] ?? '7bit' }
}

/** RFC 2045 §5.1 without comments, doubled parameters and those of RFC 2231. */
function strictType(fields: readonly Field[]): Pick<Part, 'type' | 'parameters'> | undefined {
  const [field, ...others] = fields.filter(({ name }) => name === 'content-type')
  if (others.length > 0) return undefined
  const parameters = new Map<string, string>()
  const text = field ? bodyOf(field).replace(/;\s*$/, '') : 'text/plain'
  const [head, type] = /^([A-Za-z0-9.+-]+\/[A-Za-z0-9.+-]+)\s*/.exec(text) ?? []
  if (head === undefined || type === undefined || /[^\t\x20-\x7e]/.test(text)) return undefined
  for (PARAMETER.lastIndex = head.length; PARAMETER.lastIndex < text.length; ) {
    const [, name, quoted, token] = PARAMETER.exec(text) ?? []
    if (name === undefined || parameters.has(name.toLowerCase())) return undefined
    parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? '')
  }
  return { type: type.toLowerCase(), parameters }
}

/** Whether a part is text to be read in its place, that nobody gave a Legacy Display before. */
export function isBodyText({ fields, type, parameters, encoding }: Part): boolean {
  const shownInPlace = fields.every(field => field.name !== 'content-disposition' || /^inline$/i.test(bodyOf(field)))
  const isText = type === 'text/plain' || type === 'text/html'
  return isText && shownInPlace && isEncoding(encoding) && !parameters.has('name') && !parameters.has('hp-legacy-display')
}

/**
 * @param body of {@link isBodyText} text, all its line ends CRLF
 * @returns the part, header and all, with its subject shown in the body (RFC 9788 §5.2.2, §5.2.3); undefined when that can't be done faithfully
 */
export function withSubject(part: Part, body: Buffer, subject: string): Buffer | undefined {
  const encoding = part.encoding as Encoding
  const content = decodeBody(body, encoding)
  const shown = content && (part.type === 'text/html' ? inHtml(part, content, subject) : inPlainText(part, content, subject))
  if (!shown) return undefined
  // What stood behind something comes to the start of a line now, where it could be taken for a delimiter.
  const isSafe = !shown.behind.subarray(0, 2).equals(DASHES)
  const isShort = encoding === 'base64' || encoding === 'quoted-printable'
  const written = isShort || (shown.fits[encoding] && isSafe) ? encoding : 'quoted-printable'
  const parameters = new Map([
    ...part.parameters,
    ...(shown.charset ? [['charset', shown.charset] as const] : []),
    ['hp-legacy-display', '1'],
  ])
  const header = headerOf(part, parameters, written)
  return Buffer.concat([header, encodeBody(Buffer.concat([shown.before, shown.element, shown.behind]), written)])
}

interface Shown {
  before: Buffer
  element: Buffer
  behind: Buffer
  /** When it is another one now. */
  charset?: string
  /** Whether the content may stay unencoded. */
  fits: { '7bit': boolean; '8bit': boolean }
}

function inPlainText({ parameters }: Part, content: Buffer, subject: string): Shown | undefined {
  const charset = charsetOf(parameters)
  const element = Buffer.from(`Subject: ${cut(subject, character => character)}\r\n\r\n`)
  if (charset === 'utf-8' || (isAscii(element) && HOLDS_ASCII.test(charset))) {
    const mark = content.subarray(0, 3).equals(BOM) ? 3 : 0
    const fits = { '7bit': isAscii(element), '8bit': true }
    return { before: content.subarray(0, mark), element, behind: content.subarray(mark), fits }
  }
  const behind = inUtf8(content, charset)
  return behind && { before: Buffer.alloc(0), element, behind, charset: 'utf-8', fits: { '7bit': false, '8bit': false } }
}

/** In HTML all characters can be written in ASCII. */
function inHtml({ parameters }: Part, content: Buffer, subject: string): Shown | undefined {
  if (!HOLDS_ASCII.test(charsetOf(parameters))) return undefined
  const mark = content.subarray(0, 3).equals(BOM) ? 3 : 0
  const start = startOfBody(content.toString('latin1', mark))
  if (start === undefined) return undefined
  const field = `Subject: ${cut(subject, reference)}`
  const element = Buffer.from(`\r\n<div class="header-protection-legacy-display">\r\n<pre>${field}</pre>\r\n</div>\r\n`)
  const at = mark + start
  return { before: content.subarray(0, at), element, behind: content.subarray(at), fits: { '7bit': true, '8bit': true } }
}

function charsetOf(parameters: Part['parameters']): string {
  return (parameters.get('charset') ?? 'us-ascii').toLowerCase()
}

/** @returns undefined where an octet is not known to be one certain character */
function inUtf8(content: Buffer, charset: string): Buffer | undefined {
  const text = content.toString('latin1')
  if (charset === 'us-ascii') return isAscii(content) ? content : undefined
  if (charset === 'iso-8859-1') return /[\x80-\x9f]/.test(text) ? undefined : Buffer.from(text)
  const decoded = /^(?:windows-1252|iso-8859-15)$/.test(charset) ? textIn(content, charset) : undefined
  return decoded === undefined ? undefined : Buffer.from(decoded)
}

function reference(character: string): string {
  return /^[\x20-\x7e]$/.test(character) && !/[&<>"']/.test(character) ? character : `&#${character.codePointAt(0)};`
}

/** @param written how one character is written; what is shown ends before a line gets too long */
function cut(subject: string, written: (character: string) => string): string {
  let shown = ''
  let length = 0
  for (const character of subject) {
    const next = written(character)
    length += Buffer.byteLength(next)
    if (length > MOST_SHOWN) return `${shown}...`
    shown += next
  }
  return shown
}

function headerOf({ fields, type, encoding }: Part, parameters: ReadonlyMap<string, string>, written: Encoding): Buffer {
  const said = [...parameters].map(([name, value]) => `;\r\n ${name}="${value.replace(/["\\]/g, '\\$&')}"`).join('')
  const changed = new Map([['content-type', `Content-Type: ${type}${said}\r\n`]])
  if (written !== encoding) changed.set('content-transfer-encoding', `Content-Transfer-Encoding: ${written}\r\n`)
  const kept = fields.map(({ name, raw }) => {
    const field = changed.get(name) ?? raw
    changed.delete(name)
    return field
  })
  return Buffer.from(`${[...kept, ...changed.values()].join('')}\r\n`, 'latin1')
}
