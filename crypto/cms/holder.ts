import type { X509Certificate } from 'node:crypto'
import type { IssuerAndSerialNumber } from '@peculiar/asn1-cms'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { Certificate, id_ce_subjectAltName, id_ce_subjectKeyIdentifier, SubjectAlternativeName } from '@peculiar/asn1-x509'
import { pemBlocks, pemToDer, serialText } from '../certificate.ts'
import { elements, onlyElement } from '../der.ts'
import type { Identity } from '../identity.ts'
import { formatName, rdnsOf } from '../names.ts'
import { certificateAttribute } from './attributes.ts'
import { parsing } from './fault.ts'
import { sequence } from './write.ts'

/** How a CMS object says whose a signature or an encrypted key is (RFC 5652 §5.3, §6.2.1). */
export interface HolderId {
  issuerAndSerialNumber?: IssuerAndSerialNumber
  subjectKeyIdentifier?: OctetString
}

/** A certificate in the terms of CMS. */
export interface Holder {
  der: Buffer
  /** IssuerAndSerialNumber, DER, with the name as the certificate spells it. */
  issuerAndSerial: Buffer
  issuer: string
  serial: string
  keyIdentifier: Buffer | undefined
}

const ders = new Map<string, Buffer>()
const MOST_REMEMBERED = 5000

/** The octets of one certificate, PEM or DER. A text that was read is remembered: the same boxes get mail every day. */
export function derOf(certificate: Buffer | string): Buffer {
  if (typeof certificate !== 'string') return certificate
  const known = ders.get(certificate)
  if (known) return known
  const der = pemToDer(pemBlocks(certificate, 'CERTIFICATE')[0] ?? '')
  if (ders.size >= MOST_REMEMBERED) ders.clear()
  ders.set(certificate, der)
  return der
}

/**
 * The IssuerAndSerialNumber of a certificate: its own octets, not parsed further.
 * @throws CmsFault `malformed`
 */
export function issuerAndSerialOf(der: Buffer): Buffer {
  return parsing('a certificate', () => {
    const [tbs] = [...elements(onlyElement(der).inside)]
    const [version, serial, , issuer] = [...elements(tbs!.inside)]
    if (version?.tag !== 0xa0) throw new RangeError('not a certificate of version 3')
    return sequence(issuer!.whole, serial!.whole)
  })
}

/** @throws CmsFault `malformed` */
export function holderOf(der: Buffer): Holder {
  return parsing('a certificate', () => {
    const { tbsCertificate } = AsnConvert.parse(der, Certificate)
    const extension = tbsCertificate.extensions?.find(({ extnID }) => extnID === id_ce_subjectKeyIdentifier)
    return {
      der,
      issuerAndSerial: issuerAndSerialOf(der),
      issuer: formatName(rdnsOf(tbsCertificate.issuer)),
      serial: serialText(tbsCertificate.serialNumber),
      keyIdentifier: extension && Buffer.from(AsnConvert.parse(extension.extnValue.buffer, OctetString).buffer),
    }
  })
}

/** Whether this is the certificate that is meant. */
export function isMeant(holder: Holder, { issuerAndSerialNumber: named, subjectKeyIdentifier: key }: HolderId): boolean {
  if (named) return serialText(named.serialNumber) === holder.serial && formatName(rdnsOf(named.issuer)) === holder.issuer
  return key !== undefined && holder.keyIdentifier !== undefined && Buffer.from(key.buffer).equals(holder.keyIdentifier)
}

/** What of an identity does not change between two messages. */
export interface OwnHolder extends Holder {
  /** Our certificate and the intermediates, without the root: recipients have that, or do not trust it. */
  certificates: Buffer
  /** The attribute that binds a signature to the certificate. */
  signedCertificate: Buffer
}

const own = new WeakMap<Identity, OwnHolder>()

export function ownHolder(identity: Identity): OwnHolder {
  const known = own.get(identity)
  if (known) return known
  const der = derOf(identity.certificatePem)
  const chain = identity.chainPem.map(derOf).filter(authority => !isSelfIssued(authority))
  const fresh = { ...holderOf(der), certificates: Buffer.concat([der, ...chain]), signedCertificate: certificateAttribute(der) }
  own.set(identity, fresh)
  return fresh
}

function isSelfIssued(der: Buffer): boolean {
  const { subject, issuer } = AsnConvert.parse(der, Certificate).tbsCertificate
  return formatName(rdnsOf(subject)) === formatName(rdnsOf(issuer))
}

/** Mail addresses that a certificate names (RFC 8550 §3), lower case. */
export function emailsOf({ raw }: X509Certificate): string[] {
  const names = AsnConvert.parse(raw, Certificate).tbsCertificate.extensions?.find(({ extnID }) => extnID === id_ce_subjectAltName)
  if (!names) return []
  return AsnConvert.parse(names.extnValue.buffer, SubjectAlternativeName).flatMap(({ rfc822Name }) => rfc822Name?.toLowerCase() ?? [])
}
