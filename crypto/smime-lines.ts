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
  let rest = Buffer.alloc(0)
  for await (const piece of piecesOf(source)) {
    const octets = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
    const whole = octets.length - (octets.length % LINE)
    if (whole > 0) yield lines(octets.subarray(0, whole))
    rest = Buffer.from(octets.subarray(whole))
  }
  if (rest.length > 0) yield lines(rest)
}

function lines(octets: Buffer): Buffer {
  const text = Buffer.allocUnsafe(Math.ceil(octets.length / LINE) * 78)
  let end = 0
  for (let at = 0; at < octets.length; at += LINE) {
    end += text.write(octets.toString('base64', at, at + LINE), end, 'latin1')
    text[end++] = CR
    text[end++] = LF
  }
  return text.subarray(0, end)
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
