import { CmsFault } from './cms/fault.ts'

/** Line ends that openssl and others leave behind the last boundary. */
const MOST_BLANKS = 8
const LF = 10
const CR = 13

/**
 * The two parts of a multipart/signed body (RFC 1847 §2.1): what is signed, to the octet, and the part of the signature; and the text before them.
 * @param behind whether text may follow them, as servers on the way add it. Never inside an encryption: no signature covers it, and with CBC somebody
 *   could put pieces of the ciphertext there and learn from our answer how they end
 * @throws CmsFault `malformed` for anything but two parts and an end
 */
export function splitSigned(
  body: Buffer,
  boundary: string,
  behind: 'any text' | 'nothing',
): { content: Buffer; signature: Buffer; preamble: Buffer } {
  if (!/^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(boundary)) throw new CmsFault('malformed', 'the mail has no boundary between its parts')
  const lines: Delimiter[] = []
  for (const line of delimiters(body, boundary)) if (lines.push(line) > 2) break
  const closing = lines.findIndex(({ isLast }) => isLast)
  if (closing !== 2) throw new CmsFault('malformed', 'a signed mail has two parts')
  const rest = body.subarray(lines[2]!.end)
  if (behind === 'nothing' && (rest.length > MOST_BLANKS || /[^\r\n]/.test(rest.toString('latin1'))))
    throw new CmsFault('malformed', 'something follows the two parts of a signed mail')
  const [first, second, last] = lines as [Delimiter, Delimiter, Delimiter]
  return {
    content: body.subarray(first.end, second.start),
    signature: body.subarray(second.end, last.start),
    preamble: body.subarray(0, first.start),
  }
}

interface Delimiter {
  start: number
  end: number
  isLast: boolean
}

/** Lines that are the boundary. The line end before one is part of it (RFC 2046 §5.1.1). */
function* delimiters(body: Buffer, boundary: string): Generator<Delimiter> {
  const mark = `--${boundary}`
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + 1)) {
    if (at > 0 && body[at - 1] !== LF) continue
    const lineEnd = body.indexOf(LF, at)
    const end = lineEnd < 0 ? body.length : lineEnd + 1
    const tail = /^(--)?[ \t]*\r?\n?$/.exec(body.toString('latin1', at + mark.length, Math.min(end, at + mark.length + 200)))
    if (tail) yield { start: lineStart(body, at), end, isLast: tail[1] !== undefined }
  }
}

function lineStart(body: Buffer, at: number): number {
  if (at === 0) return 0
  return body[at - 2] === CR ? at - 2 : at - 1
}
