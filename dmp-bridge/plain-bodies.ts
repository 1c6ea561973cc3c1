import { kindOf } from './kinds.ts'

/** Base64 of more than the 1,024 octets by which a kind is told. */
const HEAD = 2_048
const KEPT = 2 * HEAD

/**
 * A PDF, an image or a text document is told by its first octets, and nothing else of it is read: the rest is left out before the parser
 * runs, which would spend most of its time on it. What is left out reaches from inside such a body to the next line that starts with `--`,
 * so no boundary of any reading of the message is lost (RFC 2046 §5.1.1).
 * @param eml the message
 * @param bodies where its bodies in base64 that are no text start, in order
 * @returns the same message with such bodies cut short
 */
export function withoutPlainBodies(eml: Uint8Array, bodies: readonly number[]): Uint8Array {
  const bytes = Buffer.from(eml.buffer, eml.byteOffset, eml.byteLength)
  const pieces: Buffer[] = []
  let from = 0
  for (const start of bodies) {
    const next = bytes.indexOf('\n--', start)
    const end = next === -1 ? bytes.length : next + 1
    if (start < from || end - start <= KEPT || !isPlain(bytes.toString('latin1', start, start + HEAD))) continue
    const cut = bytes.indexOf('\n', start + HEAD) + 1
    if (cut === 0 || cut >= end) continue
    pieces.push(bytes.subarray(from, cut))
    from = end
  }
  return pieces.length === 0 ? eml : Buffer.concat([...pieces, bytes.subarray(from)])
}

function isPlain(head: string): boolean {
  if (!/^[A-Za-z0-9+/\r\n]+$/.test(head)) return false
  return ['pdf', 'image', 'rtf'].includes(kindOf(Buffer.from(head, 'base64')))
}
