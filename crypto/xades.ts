import { createHash } from 'node:crypto'
import { pemToDer, readCertificate } from './certificate.ts'
import type { Identity } from './identity.ts'
import { formatName } from './names.ts'
import { keyInfo, requireRsa, signCanonical } from './sign-enveloped.ts'
import { Canonical, canonicalise, escapeText } from './xml/canonical.ts'
import { C14N_WITH_COMMENTS, DS, RSA_SHA1, RSA_SHA256, SHA1, SHA256, XADES } from './xml/names.ts'
import { parseXml } from './xml/parse.ts'
import { decodeUtf8 } from './xml/utf8.ts'

/**
 * What is to be signed. `submissionSetUniqueId` and each `uniqueId` are dotted OIDs without `urn:oid:`; `content` is the document as it is sent (XML).
 * `signatureId` is the XML id of the signature and that of its registry entry, e.g. `Signature01`.
 * `algorithm`: the DMP's published examples still show SHA-1; whether it takes SHA-256 is in the present guide of the DMP, so it is a parameter.
 */
export interface SubmissionSetToSign {
  identity: Identity
  submissionSetUniqueId: string
  documents: readonly { uniqueId: string; content: Buffer }[]
  now: Date
  signatureId: string
  algorithm?: 'sha256' | 'sha1'
}

const ALGORITHMS = { sha256: { digest: SHA256, signature: RSA_SHA256 }, sha1: { digest: SHA1, signature: RSA_SHA1 } } as const
/** ASTM E1762: the signer is the source of the content. */
const SOURCE = '1.2.840.10065.1.12.1.14'
const MANIFEST = 'IHEManifest'

/**
 * The XAdES signature of a submission set (IHE DSG, profiled by the DMP): a detached ds:Signature over a manifest that names the set and each of its
 * documents, and over the signed properties.
 * @returns the signature document, to be filed with the set
 * @throws XmlFault when a document is not XML, Error for an identifier that is no OID
 */
export function signSubmissionSet(set: SubmissionSetToSign): string {
  const { identity, signatureId, algorithm = 'sha256' } = set
  requireRsa(identity)
  for (const uniqueId of [set.submissionSetUniqueId, ...set.documents.map(document => document.uniqueId)]) checkOid(uniqueId)
  if (!/^[A-Za-z_][\w.-]*$/.test(signatureId)) throw new Error('signatureId is not an XML id')
  const propertiesId = `${signatureId}-SignedProperties`
  const objects = [manifest(set), properties(set, propertiesId)]
  const digests = digestById(wrap(signatureId, objects.join('')), [MANIFEST, propertiesId], algorithm)
  const signedInfo = signedInfoOf(digests.get(MANIFEST)!, propertiesId, digests.get(propertiesId)!, algorithm)
  const value = signCanonical(canonicalSignedInfo(wrap(signatureId, signedInfo)), identity, algorithm)
  const certificates = keyInfo([identity.certificatePem])
  const [manifestObject, propertiesObject] = objects
  const purpose = `<ds:Object><ds:SignatureProperties><ds:SignatureProperty Id="purposeOfSignature" Target="#${signatureId}">${SOURCE}</ds:SignatureProperty></ds:SignatureProperties></ds:Object>`
  return wrap(
    signatureId,
    `${signedInfo}<ds:SignatureValue>${value}</ds:SignatureValue>${certificates}${purpose}${manifestObject}${propertiesObject}`,
  )
}

function wrap(signatureId: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ds:Signature xmlns:ds="${DS}" Id="${signatureId}">${content}</ds:Signature>`
}

/** The set itself has no octets to digest: `AA==` stands in its reference. */
function manifest({ submissionSetUniqueId, documents, algorithm = 'sha256' }: SubmissionSetToSign): string {
  const references = documents.map(({ uniqueId, content }) =>
    reference(`urn:oid:${uniqueId}`, digestOfDocument(content, algorithm), algorithm, true),
  )
  return `<ds:Object><ds:Manifest Id="${MANIFEST}">${reference(`urn:oid:${submissionSetUniqueId}`, 'AA==', algorithm, false)}${references.join('')}</ds:Manifest></ds:Object>`
}

function digestOfDocument(content: Buffer, algorithm: 'sha256' | 'sha1'): string {
  return digest(canonicalise(decodeUtf8(content), { exclusive: false, comments: true }), algorithm)
}

function properties({ identity, now, signatureId, algorithm = 'sha256' }: SubmissionSetToSign, id: string): string {
  return (
    `<ds:Object><xades:QualifyingProperties xmlns:xades="${XADES}" Target="#${signatureId}"><xades:SignedProperties Id="${id}">` +
    `<xades:SignedSignatureProperties><xades:SigningTime>${now.toISOString().replace(/\.\d+Z$/, 'Z')}</xades:SigningTime>` +
    `<xades:SigningCertificate>${signingCertificates(identity, algorithm)}</xades:SigningCertificate>` +
    '<xades:SignaturePolicyIdentifier><xades:SignaturePolicyImplied/></xades:SignaturePolicyIdentifier></xades:SignedSignatureProperties>' +
    '<xades:SignedDataObjectProperties/></xades:SignedProperties></xades:QualifyingProperties></ds:Object>'
  )
}

/** The same in every signature of an identity, and slow to read: remembered as long as it lives. */
const described = new WeakMap<Identity, Map<string, string>>()

function signingCertificates(identity: Identity, algorithm: 'sha256' | 'sha1'): string {
  const known = described.get(identity) ?? new Map<string, string>()
  described.set(identity, known)
  const pems = [identity.certificatePem, ...identity.chainPem]
  const text = known.get(algorithm) ?? pems.map(pem => signingCertificate(pem, algorithm)).join('')
  known.set(algorithm, text)
  return text
}

function signingCertificate(pem: string, algorithm: 'sha256' | 'sha1'): string {
  const { issuer, serial } = readCertificate(pem)
  const value = createHash(algorithm).update(pemToDer(pem)).digest('base64')
  return (
    `<xades:Cert><xades:CertDigest><xades:DigestMethod Algorithm="${ALGORITHMS[algorithm].digest}"/><xades:DigestValue>${value}</xades:DigestValue></xades:CertDigest>` +
    `<xades:IssuerSerial><ds:X509IssuerName>${escapeText(formatName(issuer))}</ds:X509IssuerName>` +
    `<ds:X509SerialNumber>${BigInt(`0x${serial}`)}</ds:X509SerialNumber></xades:IssuerSerial></xades:Cert>`
  )
}

function signedInfoOf(manifestDigest: string, propertiesId: string, propertiesDigest: string, algorithm: 'sha256' | 'sha1'): string {
  return (
    `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${C14N_WITH_COMMENTS}"/><ds:SignatureMethod Algorithm="${ALGORITHMS[algorithm].signature}"/>` +
    reference(`#${MANIFEST}`, manifestDigest, algorithm, true, `${DS}Manifest`) +
    reference(`#${propertiesId}`, propertiesDigest, algorithm, true, `${XADES}SignedProperties`) +
    '</ds:SignedInfo>'
  )
}

function reference(uri: string, value: string, algorithm: 'sha256' | 'sha1', isCanonical: boolean, type?: string): string {
  const transforms = isCanonical ? `<ds:Transforms><ds:Transform Algorithm="${C14N_WITH_COMMENTS}"/></ds:Transforms>` : ''
  return (
    `<ds:Reference${type ? ` Type="${type}"` : ''} URI="${uri}">${transforms}` +
    `<ds:DigestMethod Algorithm="${ALGORITHMS[algorithm].digest}"/><ds:DigestValue>${value}</ds:DigestValue></ds:Reference>`
  )
}

function digestById(xml: string, ids: string[], algorithm: 'sha256' | 'sha1'): Map<string, string> {
  const sinks = ids.map(id => new Canonical({ exclusive: false, comments: true, apex: tag => tag.attributes.Id?.value === id }))
  parseXml(xml, sinks)
  return new Map(ids.map((id, index) => [id, digest(sinks[index]!.result(), algorithm)]))
}

function canonicalSignedInfo(xml: string): string {
  return canonicalise(xml, { exclusive: false, comments: true, apex: tag => tag.uri === DS && tag.local === 'SignedInfo' })
}

function digest(text: string, algorithm: 'sha256' | 'sha1'): string {
  return createHash(algorithm).update(text).digest('base64')
}

function checkOid(uniqueId: string): void {
  if (!/^[0-2](\.(0|[1-9]\d*))+$/.test(uniqueId)) throw new Error('a uniqueId to be signed is not an OID')
}
