import { createHash, generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificateList,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  type GeneralName,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { oidOf, type Rdn } from '../../crypto/names.ts'

/** A key pair of the test PKI. */
export interface Keys {
  publicKey: KeyObject
  privateKey: KeyObject
}

export type KeyKind = 'rsa' | 'ec' | 'ec384'

/** RSA-2048 (about 100 ms, off the event loop), P-256 or P-384 (less than a millisecond). */
export function newKeys(kind: KeyKind): Promise<Keys> {
  const generate = promisify(generateKeyPair)
  return kind === 'rsa'
    ? generate('rsa', { modulusLength: 2048 })
    : generate('ec', { namedCurve: kind === 'ec' ? 'prime256v1' : 'secp384r1' })
}

/** Everything that a certificate of the test PKI can say. */
export interface CertificateContent {
  subject: readonly Rdn[]
  issuer: readonly Rdn[]
  publicKey: KeyObject
  authorityKey: KeyObject
  notBefore: Date
  notAfter: Date
  keyUsage: readonly (keyof typeof KeyUsageFlags)[]
  purposes?: readonly string[]
  purposesCritical?: boolean
  authority?: { pathLength?: number }
  names?: readonly GeneralName[]
  serial?: Buffer
  extensions?: readonly Extension[]
}

/** @returns a signed certificate, DER, and its serial number */
export function makeCertificate(content: CertificateContent, signingKey: KeyObject): { der: Buffer; serial: Buffer } {
  const serial = content.serial ?? newSerial()
  const algorithm = algorithmOf(signingKey)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: octets(serial),
    signature: algorithm,
    issuer: nameOf(content.issuer),
    validity: new Validity({ notBefore: content.notBefore, notAfter: content.notAfter }),
    subject: nameOf(content.subject),
    subjectPublicKeyInfo: AsnConvert.parse(publicDer(content.publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions(extensionsOf(content)),
  })
  const signatureValue = signatureOf(tbsCertificate, signingKey)
  return {
    der: Buffer.from(AsnConvert.serialize(new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue }))),
    serial,
  }
}

/** RFC 5280 §4.1.2.2: positive; here also always 16 octets. */
function newSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial
}

/** Everything that a revocation list of the test PKI can say. */
export interface ListContent {
  issuer: readonly Rdn[]
  authorityKey: KeyObject
  thisUpdate: Date
  nextUpdate: Date
  number: number
  revoked: readonly { serial: Buffer; on: Date; extensions?: readonly Extension[] }[]
  extensions?: readonly Extension[]
}

/** @returns a signed revocation list, DER */
export function makeList(content: ListContent, signingKey: KeyObject): Buffer {
  const algorithm = algorithmOf(signingKey)
  const entries = content.revoked.map(
    ({ serial, on, extensions }) =>
      new RevokedCertificate({
        userCertificate: octets(serial),
        revocationDate: new Time(on),
        ...(extensions && { crlEntryExtensions: [...extensions] }),
      }),
  )
  const tbsCertList = new TBSCertList({
    version: Version.v2,
    signature: algorithm,
    issuer: nameOf(content.issuer),
    thisUpdate: new Time(content.thisUpdate),
    nextUpdate: new Time(content.nextUpdate),
    crlExtensions: [keyIdentifier(content.authorityKey), listNumber(content.number), ...(content.extensions ?? [])],
  })
  if (entries.length > 0) tbsCertList.revokedCertificates = entries
  const signature = signatureOf(tbsCertList, signingKey)
  return Buffer.from(AsnConvert.serialize(new CertificateList({ tbsCertList, signatureAlgorithm: algorithm, signature })))
}

/** @returns an extension of a certificate or list */
export function extension(extnID: string, critical: boolean, value: unknown): Extension {
  const der = value instanceof Uint8Array ? octets(value) : AsnConvert.serialize(value)
  return new Extension({ extnID, critical, extnValue: new OctetString(der) })
}

function extensionsOf(content: CertificateContent): Extension[] {
  const flags = content.keyUsage.reduce((sum, name) => sum | KeyUsageFlags[name], 0)
  const { authority, purposes, names } = content
  return [
    extension('2.5.29.14', false, new SubjectKeyIdentifier(keyHash(content.publicKey))),
    keyIdentifier(content.authorityKey),
    extension('2.5.29.15', true, new KeyUsage(flags)),
    ...(authority ? [extension('2.5.29.19', true, basicConstraints(authority))] : []),
    ...(purposes ? [extension('2.5.29.37', content.purposesCritical === true, new ExtendedKeyUsage([...purposes]))] : []),
    ...(names ? [extension('2.5.29.17', false, new SubjectAlternativeName([...names]))] : []),
    ...(content.extensions ?? []),
  ]
}

function basicConstraints({ pathLength }: { pathLength?: number }): BasicConstraints {
  return new BasicConstraints(pathLength === undefined ? { cA: true } : { cA: true, pathLenConstraint: pathLength })
}

function keyIdentifier(authorityKey: KeyObject): Extension {
  return extension('2.5.29.35', false, new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyHash(authorityKey)) }))
}

function listNumber(number: number): Extension {
  const octets = number < 0x80 ? [number] : [number >> 8, number & 0xff]
  return extension('2.5.29.20', false, Buffer.from([0x02, octets.length, ...octets]))
}

/** Subject in the order given, UTF-8 except the country (RFC 5280 appendix A: PrintableString). */
export function nameOf(rdns: readonly Rdn[]): Name {
  return new Name(
    rdns.map(({ type, value }) => {
      const text = type === 'C' ? { printableString: value } : { utf8String: value }
      return new RelativeDistinguishedName([new AttributeTypeAndValue({ type: oidOf(type), value: new AttributeValue(text) })])
    }),
  )
}

export function algorithmOf(key: KeyObject): AlgorithmIdentifier {
  if (key.asymmetricKeyType === 'ec') return new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' })
  return new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null })
}

export function signatureOf(content: unknown, key: KeyObject): ArrayBuffer {
  return octets(sign('sha256', Buffer.from(AsnConvert.serialize(content)), key))
}

function publicDer(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

export function keyHash(key: KeyObject): ArrayBuffer {
  return octets(createHash('sha1').update(publicDer(key)).digest())
}

export function octets(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
