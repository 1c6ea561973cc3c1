import { constants, createHmac, type KeyObject, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto'
import { onlyElement } from '../der.ts'
import { algorithmFault, type Hash } from './algorithms.ts'
import { CmsFault, parsing } from './fault.ts'
import { hashAndMask, readHashAndMask } from './signature-scheme.ts'
import { algorithm, inContext, integer, NULL, octetString, sequence } from './write.ts'

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
const RSAES_OAEP = '1.2.840.113549.1.1.7'
const P_SPECIFIED = '1.2.840.113549.1.1.9'

const PKCS1 = algorithm(RSA_ENCRYPTION, NULL)
/** RFC 4055 §4.1, SHA-256 throughout. */
const OAEP = algorithm(RSAES_OAEP, sequence(...hashAndMask('sha256')))

/** How a content key travels to an RSA key: PKCS#1 v1.5, which every mail client reads, or OAEP with SHA-256. */
export type RsaTransport = 'pkcs1' | 'oaep'

/** A KeyTransRecipientInfo (RFC 5652 §6.2.1). */
export function wrapForRsa(contentKey: Buffer, publicKey: KeyObject, issuerAndSerial: Buffer, transport: RsaTransport): Buffer {
  const isOaep = transport === 'oaep'
  const encrypted = isOaep
    ? publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, contentKey)
    : publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, contentKey)
  return sequence(integer(0), issuerAndSerial, isOaep ? OAEP : PKCS1, octetString(encrypted))
}

/** What the sender says of how the content key travels: public, so its faults may be told. */
export type RsaUnwrapping = { transport: 'pkcs1' } | { transport: 'oaep'; hash: Hash }

/** @throws CmsFault for what is weak or not handled */
export function readRsaTransport({ algorithm: oid, parameters }: { algorithm: string; parameters?: ArrayBuffer | null }): RsaUnwrapping {
  if (oid === RSA_ENCRYPTION) return { transport: 'pkcs1' }
  if (oid !== RSAES_OAEP) throw algorithmFault(oid)
  const { hash, rest } = readHashAndMask(parameters)
  const label = rest.get(inContext(2))
  if (label && !isEmptyLabel(label)) throw new CmsFault('unsupported', 'OAEP with a label is not handled')
  return { transport: 'oaep', hash }
}

function isEmptyLabel(source: Buffer): boolean {
  return parsing('the label of OAEP', () =>
    onlyElement(source).inside.equals(algorithm(P_SPECIFIED, octetString(Buffer.alloc(0))).subarray(2)),
  )
}

/**
 * @param length of the content key, octets
 * @returns the content key. With PKCS#1 v1.5 another one when the padding is wrong, so that nobody learns that it is (RFC 3218 §2.3.2)
 * @throws an error of no meaning, with OAEP; the caller has one fault for everything
 */
export function unwrapWithRsa(encrypted: Buffer, key: KeyObject, how: RsaUnwrapping, length: number): Buffer {
  if (how.transport === 'pkcs1') return unwrapPkcs1(encrypted, key, length)
  return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: how.hash }, encrypted)
}

const secret = randomBytes(32)

/**
 * Bleichenbacher's attack needs one bit: was the padding right? So there is no such bit: OpenSSL does the arithmetic alone, the block is read
 * without a branch or an index that depends on it, and a wrong one gives a key that looks random, the same for the same ciphertext. (Node 20 with
 * OpenSSL 3.0 refuses RSA_PKCS1_PADDING here for that very reason.)
 */
function unwrapPkcs1(encrypted: Buffer, key: KeyObject, length: number): Buffer {
  const other = createHmac('sha256', secret).update(encrypted).digest().subarray(0, length)
  const block = rawBlock(encrypted, key)
  const start = block.length - length
  // RFC 8017 §7.2.2: 00 02, at least eight octets that are not zero, 00, and the key, whose length we know.
  let wrong = block[0]! | (block[1]! ^ 2) | block[start - 1]!
  for (let at = 2; at < start - 1; at++) wrong |= ((block[at]! - 1) >> 8) & 1
  const mask = (wrong - 1) >> 31 // all ones when right, zero when wrong
  return Buffer.from(other.map((octet, index) => (block[start + index]! & mask) | (octet & ~mask)))
}

/** A ciphertext that is no number below the modulus gives a block that no padding has. */
function rawBlock(encrypted: Buffer, key: KeyObject): Buffer {
  try {
    return privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encrypted)
  } catch {
    return Buffer.alloc((key.asymmetricKeyDetails?.modulusLength ?? 2048) / 8, 0xff)
  }
}
