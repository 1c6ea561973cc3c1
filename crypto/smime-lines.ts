import { CmsFault } from './cms/fault.ts'
import { type Stage, through } from './cms/flow.ts'
import type { Source } from './cms/source.ts'

const CR = 13
const LF = 10
/** Octets of a line, and characters (RFC 2045 §6.8). */
const [LINE, CHARACTERS] = [57, 76]
/** Whole lines that are encoded at once; more of them would be slower to write. */
const BLOCK = 288 * LINE

/** The canonical form that is signed (RFC 8551 §3.1.1): every line ends in CRLF. */
export function canonical(source: Source): AsyncGenerator<Buffer> {
  return through(source, () => crlf)
}

/** The stage of {@link canonical}. */
export const crlf: Stage = next => {
  let last = 0
  return {
    add(octets) {
      if (octets.length === 0) return
      next.add(withCrlf(octets, last))
      last = octets.at(-1)!
    },
    end: () => next.end(),
  }
}

/** @param last the octet before the piece */
function withCrlf(piece: Buffer, last: number): Buffer {
  const isBare = (at: number) => (at === 0 ? last : piece[at - 1]) !== CR
  let missing = 0
  for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, at + 1)) missing += Number(isBare(at))
  if (missing === 0) return piece
  const whole = Buffer.allocUnsafe(piece.length + missing)
  let end = 0
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] === LF && isBare(at)) whole[end++] = CR
    whole[end++] = piece[at]!
  }
  return whole
}

/** Base64 in lines of 76 characters, CRLF after each. */
export const base64: Stage = next => {
  const block = Buffer.allocUnsafe(BLOCK)
  let filled = 0
  const write = () => {
    if (filled > 0) next.add(lines(block.subarray(0, filled)))
    filled = 0
  }
  return {
    add(octets) {
      for (let at = 0; at < octets.length; ) {
        const copied = octets.copy(block, filled, at)
        at += copied
        filled += copied
        if (filled === BLOCK) write()
      }
    },
    end() {
      write()
      next.end()
    },
  }
}

/**
 * Base64 in lines of 76 characters, CRLF after each. Node encodes at the speed of memory, but in one line: it goes to the end of its place, and the
 * lines move forward one by one.
 */
export function lines(octets: Buffer): Buffer {
  const text = octets.toString('base64')
  const ends = 2 * Math.ceil(text.length / CHARACTERS)
  const whole = Buffer.allocUnsafe(ends + text.length)
  whole.write(text, ends, 'latin1')
  for (let from = ends, to = 0; from < whole.length; from += CHARACTERS) {
    const length = Math.min(CHARACTERS, whole.length - from)
    whole.copyWithin(to, from, from + length)
    to += length
    whole[to++] = CR
    whole[to++] = LF
  }
  return whole
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
