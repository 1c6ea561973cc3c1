import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import type { KeyAgreeRecipientInfo } from '@peculiar/asn1-cms'
import { elements, onlyElement } from '../der.ts'
import { algorithmFault, type Hash, keyWithValue } from './algorithms.ts'
import { CmsFault } from './fault.ts'
import { octetsOf, readAlgorithm } from './read.ts'
import { algorithm, inContext, integer, octetString, oid, sequence, TAG, value } from './write.ts'

const EC_PUBLIC_KEY = '1.2.840.10045.2.1'

/** dhSinglePass-stdDH with the X9.63 derivation (RFC 5753 §7.1.4). */
const SCHEMES: Record<Hash, string> = { sha256: '1.3.132.1.11.1', sha384: '1.3.132.1.11.2', sha512: '1.3.132.1.11.3' }

type Wrap = 'id-aes128-wrap' | 'id-aes192-wrap' | 'id-aes256-wrap'

/** RFC 3565 §2.3.2; no parameters. */
const WRAPS: Record<Wrap, string> = {
  'id-aes128-wrap': '2.16.840.1.101.3.4.1.5',
  'id-aes192-wrap': '2.16.840.1.101.3.4.1.25',
  'id-aes256-wrap': '2.16.840.1.101.3.4.1.45',
}
/** RFC 3394 §2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6)

const CURVE_HASHES: Record<string, Hash> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' }

/** A KeyAgreeRecipientInfo with a key pair made for this message and recipient alone (RFC 5753 §3.1.1). */
export function wrapForCurve(contentKey: Buffer, publicKey: KeyObject, issuerAndSerial: Buffer): Buffer {
  const curve = publicKey.asymmetricKeyDetails?.namedCurve ?? ''
  const hash = CURVE_HASHES[curve]
  if (!hash) throw new CmsFault('unsupported', `the curve ${curve} is not handled`)
  const ephemeral = generateKeyPairSync('ec', { namedCurve: curve })
  const wrap = `id-aes${contentKey.length * 8}-wrap` as Wrap
  const wrapAlgorithm = algorithm(WRAPS[wrap])
  const wrappingKey = derive(diffieHellman({ privateKey: ephemeral.privateKey, publicKey }), hash, wrap, wrapAlgorithm)
  const cipher = createCipheriv(wrap, wrappingKey, WRAP_IV)
  const encrypted = Buffer.concat([cipher.update(contentKey), cipher.final()])
  return value(
    inContext(1),
    integer(3),
    value(inContext(0), value(inContext(1), algorithm(EC_PUBLIC_KEY), pointOf(ephemeral.publicKey))),
    algorithm(SCHEMES[hash], wrapAlgorithm),
    sequence(sequence(issuerAndSerial, octetString(encrypted))),
  )
}

/** What the sender says of the agreement: public, so its faults may be told. */
export interface Agreement {
  hash: Hash
  wrap: Wrap
  wrapAlgorithm: Buffer
  point: Buffer
  sharedText: Buffer | undefined
}

/** @throws CmsFault for what is weak or not handled */
export function readAgreement(info: KeyAgreeRecipientInfo): Agreement {
  const { algorithm: scheme, parameters } = info.keyEncryptionAlgorithm
  const hash = keyWithValue(SCHEMES, scheme)
  const wrapAlgorithm = Buffer.from(parameters ?? new ArrayBuffer(0))
  const wrap = keyWithValue(WRAPS, readAlgorithm(wrapAlgorithm).algorithm)
  const originator = info.originator.originatorKey
  if (!originator) throw new CmsFault('unsupported', 'the key of an agreement is not made for the message')
  if (originator.algorithm.algorithm !== EC_PUBLIC_KEY) throw algorithmFault(originator.algorithm.algorithm)
  return { hash, wrap, wrapAlgorithm, point: octetsOf(originator.publicKey), sharedText: info.ukm && octetsOf(info.ukm) }
}

/**
 * @returns the content key
 * @throws an error of no meaning; the caller has one fault for everything
 */
export function unwrapWithCurve(encrypted: Buffer, key: KeyObject, agreement: Agreement): Buffer {
  const { hash, wrap, wrapAlgorithm, sharedText } = agreement
  const shared = diffieHellman({ privateKey: key, publicKey: onCurveOf(key, agreement.point) })
  const decipher = createDecipheriv(wrap, derive(shared, hash, wrap, wrapAlgorithm, sharedText), WRAP_IV)
  return Buffer.concat([decipher.update(encrypted), decipher.final()])
}

/** ANSI X9.63 §5.6.3 with the ECC-CMS-SharedInfo of RFC 5753 §7.2. */
function derive(shared: Buffer, hash: Hash, wrap: Wrap, wrapAlgorithm: Buffer, sharedText?: Buffer): Buffer {
  const bits = Number(wrap.slice(6, 9))
  const info = sequence(
    wrapAlgorithm,
    sharedText ? value(inContext(0), octetString(sharedText)) : Buffer.alloc(0),
    value(inContext(2), octetString(uint32(bits))),
  )
  // One round: no wrapping key is longer than the shortest hash.
  return createHash(hash)
    .update(shared)
    .update(uint32(1))
    .update(info)
    .digest()
    .subarray(0, bits / 8)
}

function uint32(number: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(number)
  return octets
}

/** The BIT STRING of a SubjectPublicKeyInfo. */
function pointOf(publicKey: KeyObject): Buffer {
  const [, point] = [...elements(onlyElement(publicKey.export({ type: 'spki', format: 'der' })).inside)]
  return point!.whole
}

/** A point as a key on our own curve; OpenSSL refuses one that is not on it. */
function onCurveOf(own: KeyObject, point: Buffer): KeyObject {
  const curve: Record<string, string> = { prime256v1: '1.2.840.10045.3.1.7', secp384r1: '1.3.132.0.34', secp521r1: '1.3.132.0.35' }
  const parameters = oid(curve[own.asymmetricKeyDetails?.namedCurve ?? ''] ?? '')
  const der = sequence(algorithm(EC_PUBLIC_KEY, parameters), value(TAG.bitString, Buffer.from([0]), point))
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}
