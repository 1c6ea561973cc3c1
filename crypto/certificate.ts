import { createHash, X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  KeyUsage,
  type KeyUsageType,
} from '@peculiar/asn1-x509'
import { type Rdn, rdnsOf } from './names.ts'

/** What the other rooms may know of a certificate. `serial` is lower-case hexadecimal, `fingerprint256` lower-case hexadecimal SHA-256. */
export interface CertificateFacts {
  subject: Rdn[]
  issuer: Rdn[]
  serial: string
  notBefore: Date
  notAfter: Date
  fingerprint256: string
}

/** A certificate parsed twice: OpenSSL's object for signatures, the ASN.1 for what OpenSSL does not show. */
export interface ParsedCertificate {
  facts: CertificateFacts
  x509: X509Certificate
  signatureAlgorithm: string
  /** undefined = the extension is absent */
  keyUsage: readonly KeyUsageType[] | undefined
  extendedKeyUsage: readonly string[] | undefined
  isCa: boolean
  pathLength: number
  criticalExtensions: readonly string[]
  /** values, DER, by OID */
  extensions: ReadonlyMap<string, Buffer>
}

/**
 * Subject of an X.509 certificate.
 * @param der the certificate's DER
 * @returns its attributes in certificate order, values untouched
 * @throws Error when the bytes are no certificate
 */
export function subjectOf(der: Buffer): Rdn[] {
  return rdnsOf(AsnConvert.parse(der, Certificate).tbsCertificate.subject)
}

/**
 * @param derOrPem one certificate
 * @throws Error when the bytes are no certificate
 */
export function readCertificate(derOrPem: Buffer | string): CertificateFacts {
  return parseCertificate(derOrPem).facts
}

/** As {@link readCertificate}, with all that judging a certificate needs. */
export function parseCertificate(derOrPem: Buffer | string): ParsedCertificate {
  const x509 = new X509Certificate(derOrPem)
  const asn = AsnConvert.parse(x509.raw, Certificate)
  const extension = (id: string) => asn.tbsCertificate.extensions?.find(({ extnID }) => extnID === id)?.extnValue
  const all = asn.tbsCertificate.extensions ?? []
  if (new Set(all.map(({ extnID }) => extnID)).size < all.length) throw new Error('an extension occurs twice') // RFC 5280 §4.2
  const keyUsage = extension(id_ce_keyUsage)
  const extendedKeyUsage = extension(id_ce_extKeyUsage)
  const basic = extension(id_ce_basicConstraints)
  const constraints = basic ? AsnConvert.parse(basic.buffer, BasicConstraints) : undefined
  return {
    facts: factsOf(asn, x509),
    x509,
    signatureAlgorithm: asn.signatureAlgorithm.algorithm,
    keyUsage: keyUsage && AsnConvert.parse(keyUsage.buffer, KeyUsage).toJSON(),
    extendedKeyUsage: extendedKeyUsage && [...AsnConvert.parse(extendedKeyUsage.buffer, ExtendedKeyUsage)],
    isCa: constraints?.cA === true,
    pathLength: constraints?.pathLenConstraint ?? Number.POSITIVE_INFINITY,
    criticalExtensions: all.filter(({ critical }) => critical).map(({ extnID }) => extnID),
    extensions: new Map(all.map(({ extnID, extnValue }) => [extnID, Buffer.from(extnValue.buffer)])),
  }
}

function factsOf({ tbsCertificate }: Certificate, x509: X509Certificate): CertificateFacts {
  return {
    subject: rdnsOf(tbsCertificate.subject),
    issuer: rdnsOf(tbsCertificate.issuer),
    serial: serialText(tbsCertificate.serialNumber),
    notBefore: tbsCertificate.validity.notBefore.getTime(),
    notAfter: tbsCertificate.validity.notAfter.getTime(),
    fingerprint256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

const authorities = new WeakMap<ParsedCertificate, string>()

/**
 * Who an authority is to its lists and to its OCSP answers: its name and its key. Certificates that were made anew for both are one authority, and what
 * one of them has signed counts for all.
 */
export function authorityOf(certificate: ParsedCertificate): string {
  const known = authorities.get(certificate)
  if (known) return known
  const { subject, subjectPublicKeyInfo } = AsnConvert.parse(certificate.x509.raw, Certificate).tbsCertificate
  const hash = createHash('sha256')
  for (const part of [subject, subjectPublicKeyInfo]) hash.update(Buffer.from(AsnConvert.serialize(part)))
  const fresh = hash.digest('hex')
  authorities.set(certificate, fresh)
  return fresh
}

/** A serial number as lower-case hexadecimal without leading zeros: certificates and revocation lists spell it alike. */
export function serialText(integer: ArrayBuffer | Uint8Array): string {
  const bytes = integer instanceof Uint8Array ? integer : new Uint8Array(integer)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('hex')
    .replace(/^0+(?=.)/, '')
}

/** @returns every block of that kind in a PEM text, each with its own BEGIN and END line */
export function pemBlocks(text: string, label: 'CERTIFICATE' | 'X509 CRL'): string[] {
  return text.match(new RegExp(`-----BEGIN ${label}-----[A-Za-z0-9+/=\\s]+-----END ${label}-----`, 'g')) ?? []
}

/** The octets of one PEM block. */
export function pemToDer(block: string): Buffer {
  return Buffer.from(block.replace(/-----[^-]+-----/g, ''), 'base64')
}

/** DER as a PEM block, lines of 64 characters (RFC 7468 §2). */
export function derToPem(der: Uint8Array, label: 'CERTIFICATE' | 'X509 CRL'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
