import { createHash } from 'node:crypto'
import type { Attribute } from '@peculiar/asn1-cms'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Time } from '@peculiar/asn1-x509'
import { elements, onlyElement } from '../der.ts'
import { CIPHER_OIDS, hashOf, ID_DATA } from './algorithms.ts'
import { CmsFault, parsing } from './fault.ts'
import { octetsOf, readAlgorithm, readOid } from './read.ts'
import { octetString, oid, sequence, setOf, TAG, time } from './write.ts'

const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_TIME = '1.2.840.113549.1.9.5'
const SMIME_CAPABILITIES = '1.2.840.113549.1.9.15'
const SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.12'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'

/** RFC 8551 §2.5.2: what we read, best first. */
const CAPABILITIES = attribute(
  SMIME_CAPABILITIES,
  sequence(...(['aes-256-gcm', 'aes-128-gcm', 'aes-256-cbc', 'aes-128-cbc'] as const).map(name => sequence(oid(CIPHER_OIDS[name])))),
)

/** What is signed in place of the content itself. */
export interface SignedAttributes {
  contentType: string
  messageDigest: Buffer
  /** Undefined: the signer does not say when. It is his word only, never a proof. */
  signingTime?: Date | undefined
  /** Whether they name the signer's certificate. */
  isNamed: boolean
}

const DATA_TYPE = attribute(CONTENT_TYPE, oid(ID_DATA))

/**
 * @param certificate what {@link certificateAttribute} made
 * @returns the SET that is signed for content of type id-data, DER (RFC 5652 §5.4)
 */
export function writeAttributes(messageDigest: Buffer, signingTime: Date | undefined, certificate: Buffer): Buffer {
  const digest = attribute(MESSAGE_DIGEST, octetString(messageDigest))
  const claimed = signingTime ? [attribute(SIGNING_TIME, time(signingTime))] : []
  return setOf(DATA_TYPE, digest, ...claimed, certificate, CAPABILITIES)
}

/** Binds the signature to the signer's certificate (SigningCertificateV2, RFC 5035 §3). */
export function certificateAttribute(certificate: Buffer): Buffer {
  const fingerprint = createHash('sha256').update(certificate).digest()
  return attribute(SIGNING_CERTIFICATE_V2, sequence(sequence(sequence(octetString(fingerprint)))))
}

function attribute(type: string, value: Buffer): Buffer {
  return sequence(oid(type), setOf(value))
}

/**
 * @param certificate of the signer: when the signature names one, it must be this
 * @throws CmsFault for an attribute that is missing, doubled, or cannot be read
 */
export function readAttributes(attributes: readonly Attribute[], certificate: Buffer): SignedAttributes {
  const contentType = only(attributes, CONTENT_TYPE)
  const messageDigest = only(attributes, MESSAGE_DIGEST)
  const signingTime = only(attributes, SIGNING_TIME)
  const named = only(attributes, SIGNING_CERTIFICATE_V2)
  const namedBefore = only(attributes, SIGNING_CERTIFICATE)
  if (!contentType || !messageDigest) throw new CmsFault('malformed', 'the signed attributes lack the content type or the digest')
  if (named) checkCertificate(named, certificate, 'sha256')
  if (namedBefore) checkCertificate(namedBefore, certificate, 'sha1')
  return {
    contentType: readOid(contentType),
    messageDigest: parsing('the digest', () => octets(messageDigest)),
    signingTime: signingTime && parsing('the signing time', () => AsnConvert.parse(signingTime, Time).getTime()),
    isNamed: (named ?? namedBefore) !== undefined,
  }
}

/** RFC 5652 §5.3, §11: each at most once, with exactly one value. */
function only(attributes: readonly Attribute[], type: string): Buffer | undefined {
  const values = attributes.filter(({ attrType }) => attrType === type).map(({ attrValues }) => attrValues)
  if (values.length === 0) return undefined
  if (values.length > 1 || values[0]!.length !== 1) throw new CmsFault('malformed', 'a signed attribute is there twice')
  return octetsOf(values[0]![0]!)
}

function octets(der: Buffer): Buffer {
  const { tag, inside } = onlyElement(der)
  if (tag !== TAG.octetString) throw new RangeError('not an octet string')
  return inside
}

/**
 * RFC 5035 §3 and §4: the first ESSCertIDv2 or ESSCertID is the signer's. The older form, which time-stamp authorities still write, has SHA-1: it narrows
 * down which of the certificates that we accept is meant, and accepts none.
 */
function checkCertificate(named: Buffer, certificate: Buffer, usual: 'sha256' | 'sha1'): void {
  const { hash, digest } = parsing('the signing certificate', () => {
    const [ids] = [...elements(onlyElement(named).inside)]
    const fields = [...elements([...elements(ids!.inside)][0]!.inside)]
    const algorithm = fields[0]!.tag === TAG.sequence ? fields.shift() : undefined
    return { hash: algorithm ? hashOf(readAlgorithm(algorithm.whole).algorithm) : usual, digest: octets(fields[0]!.whole) }
  })
  if (!createHash(hash).update(certificate).digest().equals(digest))
    throw new CmsFault('forged', 'the signature names another certificate than the one that came with it')
}
