import { lines } from '../smime-lines.ts'

/** How the octets of a part are written (RFC 2045 §6). */
export type Encoding = '7bit' | '8bit' | 'base64' | 'quoted-printable'

const MOST_CHARACTERS = 76
const EQUALS = 61

export function isEncoding(text: string): text is Encoding {
  return /^(?:7bit|8bit|base64|quoted-printable)$/.test(text)
}

/** @returns the octets that a body stands for; undefined when they could be read in two ways */
export function decodeBody(body: Buffer, encoding: Encoding): Buffer | undefined {
  if (encoding === 'base64') return fromBase64(body)
  if (encoding === 'quoted-printable') return fromQuotedPrintable(body)
  return body
}

export function encodeBody(content: Buffer, encoding: Encoding): Buffer {
  if (encoding === 'base64') return lines(content)
  if (encoding === 'quoted-printable') return quotedPrintable(content)
  return content
}

function fromBase64(body: Buffer): Buffer | undefined {
  const text = body.toString('latin1').replace(/[ \t\r\n]+/g, '')
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}

/** RFC 2045 §6.7. Blanks at the end of a line were added on the way. */
function fromQuotedPrintable(body: Buffer): Buffer | undefined {
  const text = body.toString('latin1').split('\r\n').map(withoutBlanks).join('\r\n')
  if (/[^\t\r\n\x20-\x7e]|\r(?!\n)|(?<!\r)\n|=(?![0-9A-Fa-f]{2}|\r\n|$)/.test(text)) return undefined
  const octets = text.replace(/=(?:([0-9A-Fa-f]{2})|\r\n|$)/g, (_, hex?: string) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : '',
  )
  return Buffer.from(octets, 'latin1')
}

function withoutBlanks(line: string): string {
  let end = line.length
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end--
  return line.slice(0, end)
}

/** Line ends stay line ends, every other octet can be had back. No row of it is a delimiter, which the text may hold. */
function quotedPrintable(content: Buffer): Buffer {
  const written = content.toString('latin1').split('\r\n').map(quotedLine)
  return Buffer.from(written.join('\r\n'), 'latin1')
}

function quotedLine(line: string): string {
  const rows: string[] = []
  let row = ''
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at)
    const isBlank = code === 32 || code === 9
    const isPlain = (code > 32 && code < 127 && code !== EQUALS) || (isBlank && at < line.length - 1)
    const written = isPlain ? line[at]! : escaped(code)
    if (row.length + written.length > MOST_CHARACTERS - 1) {
      rows.push(`${row}=`)
      row = ''
    }
    row += row === '' && line.startsWith('--', at) ? escaped(code) : written
  }
  return [...rows, row].join('\r\n')
}

function escaped(code: number): string {
  return `=${code.toString(16).toUpperCase().padStart(2, '0')}`
}
