/** X.690 identifiers of what CMS is made of. */
export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** A context-specific tag, primitive. */
export const context = (number: number) => 0x80 | number
/** A context-specific tag, constructed. */
export const inContext = (number: number) => 0xa0 | number

export const NULL = Buffer.from([0x05, 0x00])
/** Ends a value of indefinite length (X.690 §8.1.5). */
export const END = Buffer.from([0x00, 0x00])

/** @returns identifier and length octets, DER */
export function header(tag: number, length: number): Buffer {
  const octets = Buffer.allocUnsafe(headerLength(length))
  writeHeader(octets, tag, length)
  return octets
}

/** @returns a DER value around its parts */
export function value(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const start = headerLength(length)
  const octets = Buffer.allocUnsafe(start + length)
  writeHeader(octets, tag, length)
  let end = start
  for (const part of parts) {
    octets.set(part, end)
    end += part.length
  }
  return octets
}

function headerLength(length: number): number {
  return length < 0x80 ? 2 : 2 + octetsIn(length)
}

function octetsIn(length: number): number {
  return Math.ceil((32 - Math.clz32(length)) / 8)
}

function writeHeader(octets: Buffer, tag: number, length: number): void {
  octets[0] = tag
  if (length < 0x80) octets[1] = length
  else {
    octets[1] = 0x80 | octetsIn(length)
    octets.writeUIntBE(length, 2, octetsIn(length))
  }
}

/** Identifier and length octets of a constructed value that {@link END} closes. */
export function open(tag: number): Buffer {
  return Buffer.from([tag | 0x20, 0x80])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return value(TAG.sequence, ...parts)
}

/** X.690 §11.6: the elements of a SET OF in ascending order of their encodings. */
export function setOf(...parts: readonly Buffer[]): Buffer {
  return value(TAG.set, ...[...parts].sort(Buffer.compare))
}

/** A small non-negative INTEGER. */
export function integer(number: number): Buffer {
  const octets = [number & 0xff]
  for (let rest = number >>> 8; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff)
  return value(TAG.integer, Buffer.from(octets[0]! & 0x80 ? [0, ...octets] : octets))
}

export function octetString(octets: Uint8Array): Buffer {
  return value(TAG.octetString, octets)
}

const oids = new Map<string, Buffer>()

/** An OBJECT IDENTIFIER from its dotted text, one of ours: each is encoded once. */
export function oid(dotted: string): Buffer {
  const known = oids.get(dotted)
  if (known) return known
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const encoded = value(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
  oids.set(dotted, encoded)
  return encoded
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}

/** RFC 5652 §11.3: UTCTime until 2049, GeneralizedTime from then on. */
export function time(at: Date): Buffer {
  const text = at.toISOString()
  const digits = `${text.slice(0, 4)}${text.slice(5, 7)}${text.slice(8, 10)}${text.slice(11, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`
  const isShort = at.getUTCFullYear() >= 1950 && at.getUTCFullYear() < 2050
  return isShort ? value(TAG.utcTime, Buffer.from(digits.slice(2))) : value(TAG.generalizedTime, Buffer.from(digits))
}

/** An AlgorithmIdentifier; without parameters unless given. */
export function algorithm(dotted: string, parameters: Uint8Array = Buffer.alloc(0)): Buffer {
  return sequence(oid(dotted), parameters)
}
