import { CmsFault } from './cms/fault.ts'
import { piecesOf, type Source } from './cms/source.ts'

const CR = 13
const LF = 10
/** Octets of a line of 76 characters (RFC 2045 §6.8). */
const LINE = 57

/** The canonical form that is signed (RFC 8551 §3.1.1): every line ends in CRLF. */
export async function* canonical(source: Source): AsyncGenerator<Buffer> {
  let last = 0
  for await (const piece of piecesOf(source)) {
    yield withCrlf(piece, last)
    last = piece.at(-1)!
  }
}

/** @param last the octet before the piece */
function withCrlf(piece: Buffer, last: number): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, at + 1)) {
    if ((at === 0 ? last : piece[at - 1]) === CR) continue
    parts.push(piece.subarray(from, at), Buffer.from([CR]))
    from = at
  }
  return from === 0 && parts.length === 0 ? piece : Buffer.concat([...parts, piece.subarray(from)])
}

/** Base64 in lines of 76 characters, CRLF after each. */
export async function* base64Lines(source: Source): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of piecesOf(source)) {
    const missing = rest.length > 0 ? Math.min(LINE - rest.length, piece.length) : 0
    if (missing > 0) rest = Buffer.concat([rest, piece.subarray(0, missing)])
    if (rest.length > 0 && rest.length < LINE) continue
    const end = piece.length - ((piece.length - missing) % LINE)
    if (rest.length > 0) yield lines(rest)
    if (end > missing) yield lines(piece.subarray(missing, end))
    rest = Buffer.from(piece.subarray(end))
  }
  if (rest.length > 0) yield Buffer.from(`${rest.toString('base64')}\r\n`)
}

/** The two characters of each number of twelve bits, and CRLF, as they lie in memory. */
const PAIRS = new Uint16Array(4096)
const CRLF = new Uint16Array(1)
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
Buffer.from(PAIRS.buffer).set(Array.from({ length: 8192 }, (_, at) => ALPHABET[at % 2 ? (at >> 1) % 64 : at >> 7]!))
Buffer.from(CRLF.buffer).set([CR, LF])

/** Whole lines. Node encodes fast but writes no line ends, and a call for each line takes three times as long as this loop. */
function lines(octets: Buffer): Buffer {
  const text = new Uint16Array((octets.length / LINE) * 39)
  let end = 0
  for (let at = 0; at < octets.length; ) {
    for (const lineEnd = at + LINE; at < lineEnd; at += 3) {
      const middle = octets[at + 1]!
      text[end++] = PAIRS[(octets[at]! << 4) | (middle >> 4)]!
      text[end++] = PAIRS[((middle & 15) << 8) | octets[at + 2]!]!
    }
    text[end++] = CRLF[0]!
  }
  return Buffer.from(text.buffer)
}

/**
 * What a part holds.
 * @param encoding its Content-Transfer-Encoding, lower case
 * @throws CmsFault
 */
export function decodePart(body: Buffer, encoding: string): Buffer {
  if (['7bit', '8bit', 'binary'].includes(encoding)) return body
  if (encoding !== 'base64') throw new CmsFault('unsupported', 'a CMS object is neither base64 nor binary')
  const text = body.toString('latin1').replace(/[ \t\r\n]+/g, '')
  if (/[^A-Za-z0-9+/=]|=[^=]/.test(text) || text.length % 4 !== 0) throw new CmsFault('malformed', 'the base64 of a CMS object is broken')
  return Buffer.from(text, 'base64')
}
