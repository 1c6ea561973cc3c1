import { CmsFault } from './fault.ts'

/** Content types (RFC 5652, RFC 5083). */
export const ID_DATA = '1.2.840.113549.1.7.1'
export const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
export const ID_ENVELOPED_DATA = '1.2.840.113549.1.7.3'
export const ID_AUTH_ENVELOPED_DATA = '1.2.840.113549.1.9.16.1.23'

export type Hash = 'sha256' | 'sha384' | 'sha512'

export const HASH_OIDS: Record<Hash, string> = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}

/** RFC 8551 §3.5.3.2. */
export const MICALG: Record<Hash, string> = { sha256: 'sha-256', sha384: 'sha-384', sha512: 'sha-512' }

/** Octets of a digest. */
export const HASH_LENGTH: Record<Hash, number> = { sha256: 32, sha384: 48, sha512: 64 }

export type Cipher = 'aes-128-cbc' | 'aes-192-cbc' | 'aes-256-cbc' | 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm'

/** RFC 3565 and RFC 5084. */
export const CIPHER_OIDS: Record<Cipher, string> = {
  'aes-128-cbc': '2.16.840.1.101.3.4.1.2',
  'aes-192-cbc': '2.16.840.1.101.3.4.1.22',
  'aes-256-cbc': '2.16.840.1.101.3.4.1.42',
  'aes-128-gcm': '2.16.840.1.101.3.4.1.6',
  'aes-192-gcm': '2.16.840.1.101.3.4.1.26',
  'aes-256-gcm': '2.16.840.1.101.3.4.1.46',
}

/** Octets of the key of a cipher. */
export function keyLength(cipher: Cipher): number {
  return Number(cipher.slice(4, 7)) / 8
}

export function isGcm(cipher: Cipher): boolean {
  return cipher.endsWith('gcm')
}

/** What we know well enough to refuse it by its name. */
const WEAK: Record<string, string> = {
  '1.2.840.113549.2.5': 'MD5',
  '1.3.14.3.2.26': 'SHA-1',
  '2.16.840.1.101.3.4.2.4': 'SHA-224',
  '1.2.840.113549.1.1.4': 'MD5 with RSA',
  '1.2.840.113549.1.1.5': 'SHA-1 with RSA',
  '1.2.840.10040.4.1': 'DSA',
  '1.2.840.10040.4.3': 'DSA with SHA-1',
  '1.2.840.10045.4.1': 'ECDSA with SHA-1',
  '1.2.840.10045.4.3.1': 'ECDSA with SHA-224',
  '1.2.840.113549.3.7': 'Triple DES',
  '1.3.14.3.2.7': 'DES',
  '1.2.840.113549.3.2': 'RC2',
  '1.2.840.113549.3.4': 'RC4',
  '1.3.133.16.840.63.0.2': 'ECDH with SHA-1',
  '1.3.133.16.840.63.0.3': 'ECDH with SHA-1',
  '1.3.132.1.11.0': 'ECDH with SHA-224',
  '1.2.840.113549.1.9.16.3.6': 'Triple DES key wrap',
}

/** The fault of an algorithm that is not on our lists: `weak` when it is a known one, else `unsupported`. */
export function algorithmFault(oid: string): CmsFault {
  const weak = WEAK[oid]
  if (weak) return new CmsFault('weak', `${weak} is no longer accepted`)
  return new CmsFault('unsupported', `the algorithm ${oid} is not handled`)
}

/** @throws CmsFault for any hash but SHA-256, SHA-384 and SHA-512 */
export function hashOf(oid: string): Hash {
  return keyWithValue(HASH_OIDS, oid)
}

/** @throws CmsFault for any cipher but AES in CBC or GCM mode */
export function cipherOf(oid: string): Cipher {
  return keyWithValue(CIPHER_OIDS, oid)
}

/** @throws CmsFault when the table does not list the OID */
export function keyWithValue<K extends string>(table: Record<K, string>, oid: string): K {
  const key = (Object.keys(table) as K[]).find(candidate => table[candidate] === oid)
  if (!key) throw algorithmFault(oid)
  return key
}
