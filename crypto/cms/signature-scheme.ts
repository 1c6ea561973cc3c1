import { constants, type KeyObject, sign, verify } from 'node:crypto'
import { elements, onlyElement } from '../der.ts'
import { isStrongKey } from '../signature-algorithms.ts'
import { algorithmFault, HASH_LENGTH, HASH_OIDS, type Hash, hashOf } from './algorithms.ts'
import { CmsFault, parsing } from './fault.ts'
import { readAlgorithm } from './read.ts'
import { algorithm, inContext, integer, NULL, sequence, value } from './write.ts'

/** How a signature value is made; the hash comes with it. */
export type Scheme = 'pkcs1' | 'pss' | 'ecdsa'

interface SignatureAlgorithm {
  scheme: Scheme
  hash: Hash
  /** of PSS, octets */
  saltLength?: number
}

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
const RSASSA_PSS = '1.2.840.113549.1.1.10'
const MGF1 = '1.2.840.113549.1.1.8'
const PKCS1_OIDS: Record<Hash, string> = {
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
}
const ECDSA_OIDS: Record<Hash, string> = {
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}
const LONGEST_SALT = 512

/**
 * What a key signs with unless told: RSA PKCS#1 v1.5 with SHA-256, which every mail client verifies; ECDSA with the hash that matches the curve
 * (RFC 5480 §4).
 */
export function usualScheme(key: KeyObject): { scheme: Scheme; hash: Hash } {
  if (key.asymmetricKeyType === 'rsa') return { scheme: 'pkcs1', hash: 'sha256' }
  const hashes: Record<string, Hash> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' }
  return { scheme: 'ecdsa', hash: hashes[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'sha256' }
}

const written = new Map<string, Buffer>()

/** An AlgorithmIdentifier that is written once: there are few, and each message needs some. */
function once(name: string, write: () => Buffer): Buffer {
  const known = written.get(name) ?? write()
  written.set(name, known)
  return known
}

/** The AlgorithmIdentifier of a hash, without parameters (RFC 5754 §2). */
export function hashAlgorithm(hash: Hash): Buffer {
  return once(hash, () => algorithm(HASH_OIDS[hash]))
}

/** The AlgorithmIdentifier of a signature (RFC 3370 §3.2, RFC 4056 §3, RFC 5754 §3.3). */
export function signatureAlgorithm(scheme: Scheme, hash: Hash): Buffer {
  if (scheme === 'ecdsa') return once(`ecdsa ${hash}`, () => algorithm(ECDSA_OIDS[hash]))
  if (scheme === 'pkcs1') return once('pkcs1', () => algorithm(RSA_ENCRYPTION, NULL))
  return once(`pss ${hash}`, () => algorithm(RSASSA_PSS, pssParameters(hash)))
}

/** RFC 4055 §3.1: one hash throughout, a salt as long as the hash. */
function pssParameters(hash: Hash): Buffer {
  return sequence(...hashAndMask(hash), value(inContext(2), integer(HASH_LENGTH[hash])))
}

/** The first two parameters of PSS, and of OAEP (RFC 4055 §3.1, §4.1). */
export function hashAndMask(hash: Hash): [Buffer, Buffer] {
  const identifier = algorithm(HASH_OIDS[hash], NULL)
  return [value(inContext(0), identifier), value(inContext(1), algorithm(MGF1, identifier))]
}

/**
 * Reads the parameters that PSS and OAEP share. A default is SHA-1, hence refused.
 * @returns the hash and what follows the first two parameters, by context tag
 * @throws CmsFault also when the mask is generated with another hash, which node:crypto cannot do
 */
export function readHashAndMask(parameters: ArrayBuffer | null | undefined): { hash: Hash; rest: ReadonlyMap<number, Buffer> } {
  const fields = parsing('the parameters of an RSA algorithm', () => {
    const inside = parameters ? onlyElement(Buffer.from(parameters)).inside : Buffer.alloc(0)
    return new Map([...elements(inside)].map(field => [field.tag, field.inside]))
  })
  const [hashId, mask] = [fields.get(inContext(0)), fields.get(inContext(1))]
  if (!hashId || !mask) throw new CmsFault('weak', 'SHA-1, the default of PSS and OAEP, is no longer accepted')
  const hash = hashOf(readAlgorithm(hashId).algorithm)
  const generator = readAlgorithm(mask)
  if (generator.algorithm !== MGF1) throw algorithmFault(generator.algorithm)
  if (hashOf(readAlgorithm(Buffer.from(generator.parameters ?? new ArrayBuffer(0))).algorithm) !== hash)
    throw new CmsFault('unsupported', 'PSS or OAEP with two different hashes is not handled')
  return { hash, rest: fields }
}

/**
 * @param digest the hash of the signer information, with which the signature's own must agree (RFC 4056 §3, RFC 5753 §2.1.1, RFC 5754 §3)
 * @throws CmsFault for what is weak, unknown, or does not agree
 */
export function readSignatureAlgorithm(
  { algorithm: oid, parameters }: { algorithm: string; parameters?: ArrayBuffer | null },
  digest: Hash,
): SignatureAlgorithm {
  if (oid === RSA_ENCRYPTION || oid === PKCS1_OIDS[digest]) return { scheme: 'pkcs1', hash: digest }
  if (oid === ECDSA_OIDS[digest]) return { scheme: 'ecdsa', hash: digest }
  if (oid === RSASSA_PSS) return readPss(parameters, digest)
  if (Object.values(PKCS1_OIDS).includes(oid) || Object.values(ECDSA_OIDS).includes(oid)) throw hashesDiffer()
  throw algorithmFault(oid)
}

function readPss(parameters: ArrayBuffer | null | undefined, digest: Hash): SignatureAlgorithm {
  const { hash, rest } = readHashAndMask(parameters)
  if (hash !== digest) throw hashesDiffer()
  const salt = rest.get(inContext(2))
  const saltLength = salt ? parsing('the salt length', () => smallInteger(onlyElement(salt).inside)) : 20 // RFC 4055 §3.1, the default
  if (rest.has(inContext(3))) throw new CmsFault('unsupported', 'PSS with another trailer is not handled')
  return { scheme: 'pss', hash, saltLength }
}

function smallInteger(octets: Buffer): number {
  const number = octets.readUIntBE(0, octets.length)
  if (number > LONGEST_SALT) throw new RangeError('too large')
  return number
}

function hashesDiffer(): CmsFault {
  return new CmsFault('unsupported', 'the signature and its digest name two different hashes')
}

/** @returns the signature value over some octets */
export function makeSignature(key: KeyObject, { scheme, hash }: { scheme: Scheme; hash: Hash }, octets: Buffer): Buffer {
  return sign(hash, octets, keyInput(key, { scheme, hash, saltLength: HASH_LENGTH[hash] }))
}

/** @throws CmsFault `weak` for the key, `unsupported` for a key of another kind than the algorithm, `forged` */
export function checkSignature(key: KeyObject, how: SignatureAlgorithm, octets: Buffer, signature: Buffer): void {
  if (!isStrongKey(key)) throw new CmsFault('weak', "the signer's key is of a kind or size that is no longer accepted")
  if ((key.asymmetricKeyType === 'ec') !== (how.scheme === 'ecdsa'))
    throw new CmsFault('unsupported', "the signature algorithm is not one of the signer's key")
  if (!isRight(key, how, octets, signature)) throw new CmsFault('forged', 'the signature was not made by the key of its certificate')
}

function isRight(key: KeyObject, how: SignatureAlgorithm, octets: Buffer, signature: Buffer): boolean {
  try {
    return verify(how.hash, octets, keyInput(key, how), signature)
  } catch {
    return false // OpenSSL also throws, for a salt that no such key can have
  }
}

function keyInput(key: KeyObject, { scheme, saltLength = 0 }: SignatureAlgorithm) {
  if (scheme === 'ecdsa') return { key }
  if (scheme === 'pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING }
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
}
