import type { asn1 as types } from 'node-forge'
import asn1 from 'node-forge/lib/asn1.js'
import rc2 from 'node-forge/lib/rc2.js'
import util from 'node-forge/lib/util.js'

/** One value of a BER encoding. */
export type Node = types.Asn1

const { Class, Type } = asn1

/** A PKCS#12 file needs some eight levels at a time; BER's octet strings in pieces may add a few. */
const MOST_LEVELS = 24

/** The only words for every shape that is not the expected one: an operator cannot mend it, whatever it is. */
export function malformed(cause?: unknown): Error {
  return new Error('the file is no PKCS#12 file, or a broken one', { cause })
}

/**
 * Splits a BER encoding into its tree. Nothing may follow it; bit strings are not opened.
 * @throws Error {@link malformed}
 */
export function parse(bytes: Buffer): Node {
  try {
    return asn1.fromDer(bytes.toString('latin1'), { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: MOST_LEVELS })
  } catch (cause) {
    throw malformed(cause)
  }
}

/** @returns the values of a SEQUENCE */
export function sequence(node: Node | undefined): Node[] {
  if (!is(node, Class.UNIVERSAL, Type.SEQUENCE)) throw malformed()
  return constructed(node)
}

/** @returns the value inside an EXPLICIT [0] */
export function explicit(node: Node | undefined): Node {
  if (!is(node, Class.CONTEXT_SPECIFIC, 0)) throw malformed()
  const [value, ...more] = constructed(node)
  if (!value || more.length > 0) throw malformed()
  return value
}

/** @returns the octets of an OCTET STRING, whole or in pieces (X.690 §8.7) */
export function octets(node: Node | undefined): Buffer {
  if (!is(node, Class.UNIVERSAL, Type.OCTETSTRING)) throw malformed()
  return octetsInside(node)
}

/** @returns the octets of an IMPLICIT [0] OCTET STRING */
export function implicitOctets(node: Node | undefined): Buffer {
  if (!is(node, Class.CONTEXT_SPECIFIC, 0)) throw malformed()
  return octetsInside(node)
}

/** @returns a whole number of at most 31 bits; counts that are longer are refused as such, not cut */
export function integer(node: Node | undefined): number {
  const bytes = primitive(node, Type.INTEGER)
  if (bytes.length === 0 || bytes.length > 4 || bytes[0]! > 0x7f) throw new Error('a number in the file is negative or too large')
  return bytes.readUIntBE(0, bytes.length)
}

/** @returns an object identifier in dots */
export function oid(node: Node | undefined): string {
  const bytes = primitive(node, Type.OID)
  try {
    return asn1.derToOid(bytes.toString('latin1'))
  } catch (cause) {
    throw malformed(cause)
  }
}

export function isInteger(node: Node | undefined): boolean {
  return is(node, Class.UNIVERSAL, Type.INTEGER)
}

/** @returns the DER of a tree */
export function encode(node: Node): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
}

/**
 * RC2 of 40 bits in CBC mode (RFC 2268), which OpenSSL 3 keeps in a provider that Node.js does not load.
 * @throws Error when the padding is not right
 */
export function decipherRc2(key: Buffer, iv: Buffer, content: Buffer): Buffer {
  const cipher = rc2.createDecryptionCipher(key.toString('latin1'), 40)
  cipher.start(iv.toString('latin1'))
  cipher.update(util.createBuffer(content.toString('latin1')))
  if (!cipher.finish()) throw new Error('wrong padding')
  return Buffer.from(cipher.output.getBytes(), 'latin1')
}

function is(node: Node | undefined, tagClass: types.Class, type: number): node is Node {
  return node?.tagClass === tagClass && node.type === type
}

function constructed(node: Node): Node[] {
  if (!node.constructed || !Array.isArray(node.value)) throw malformed()
  return node.value
}

function primitive(node: Node | undefined, type: types.Type): Buffer {
  if (!is(node, Class.UNIVERSAL, type) || typeof node.value !== 'string') throw malformed()
  return Buffer.from(node.value, 'latin1')
}

function octetsInside({ value }: Node): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.concat(value.map(octets))
}
