import type { KeyObject } from 'node:crypto'
import { verify } from 'node:crypto'

/** Signature algorithms of certificates and revocation lists that we accept: nothing below SHA-256 (ANSSI RGS B1). */
const HASHES: Record<string, string> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
}

/** @param oid dotted OID of an AlgorithmIdentifier */
export function isStrongSignature(oid: string): boolean {
  return oid in HASHES
}

/** RSA from 2,048 bits, elliptic curves from 256 (ANSSI RGS B1); no other kind of key. */
export function isStrongKey(key: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return modulusLength >= 2048
  return key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve)
}

/** @returns whether `signature` over `data` was made by the key; false also for an algorithm that we do not accept */
export function isSignedBy(key: KeyObject, oid: string, data: Buffer, signature: Buffer): boolean {
  const hash = HASHES[oid]
  return hash !== undefined && verify(hash, data, key, signature)
}
