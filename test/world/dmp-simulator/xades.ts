import { createHash } from 'node:crypto'
import { C14N_COMMENTS } from './canonical.ts'
import type { Holder, Trust } from './certificates.ts'
import {
  base64,
  certificates,
  DS,
  digestHolds,
  type Reference,
  RSA_SHA1,
  RSA_SHA256,
  references,
  SignatureFault,
  sameName,
  verifySigner,
} from './signature.ts'
import { TOLERANCE } from './vihf.ts'
import { at, attribute, below, elements, kids, parseXml, textOf, type XmlElement } from './xml-tree.ts'

export interface XadesContext {
  trust: Trust
  now: number
  submissionSetUniqueId: string
  /** Every document of the lot but the signature itself. */
  documents: readonly { uniqueId: string; content: Buffer }[]
}

/** The published examples use 1.1.1 (spec dmp §1.6); the current version is taken too. */
const XADES = ['http://uri.etsi.org/01903/v1.1.1#', 'http://uri.etsi.org/01903/v1.3.2#']
const MANIFEST = `${DS}Manifest`
const SOURCE = '1.2.840.10065.1.12.1.14'

/**
 * Verifies the signature of a submission set (spec dmp §1.6): value, signer, manifest with the set and each document, signed properties.
 * @param content the bytes of the signature document
 * @returns who signed
 * @throws SignatureFault naming the rule; XmlFault; SoapFault DMPInvalidCertificate
 */
export function verifySubmissionSetSignature(content: Buffer, context: XadesContext): Holder {
  const signature = parseXml(content).root
  if (signature.uri !== DS || signature.local !== 'Signature') throw new SignatureFault('the root is not ds:Signature')
  const accepted = { canonicalization: [C14N_COMMENTS], methods: [RSA_SHA256, RSA_SHA1] }
  const signer = verifySigner(signature, accepted, context.trust, new Date(context.now))
  const info = references(at(signature, DS, 'SignedInfo') as XmlElement)
  if (info.length !== 2) throw new SignatureFault('SignedInfo has not two references')
  const manifest = signedElement(signature, info[0] as Reference, [MANIFEST])
  if (info[0]?.uri !== '#IHEManifest' || manifest.uri !== DS) throw new SignatureFault('the first reference is not #IHEManifest')
  const types = [...XADES.map(space => `${space}SignedProperties`), 'http://uri.etsi.org/01903#SignedProperties']
  const properties = signedElement(signature, info[1] as Reference, types)
  checkManifest(manifest, context)
  checkProperties(properties, signature, signer, context.now)
  checkPurpose(signature)
  return signer
}

/** @returns the one element of the document that the reference points at, its digest verified */
function signedElement(signature: XmlElement, reference: Reference, types: readonly string[]): XmlElement {
  if (!types.includes(reference.type ?? '')) throw new SignatureFault('Reference/@Type')
  const found = withId(signature, reference.uri.slice(1))
  if (!reference.uri.startsWith('#') || found.length !== 1) throw new SignatureFault('Reference/@URI')
  if (!digestHolds(reference, found[0] as XmlElement)) throw new SignatureFault(`digest of ${found[0]?.local}`)
  return found[0] as XmlElement
}

function withId(element: XmlElement, id: string): XmlElement[] {
  return [...(attribute(element, 'Id') === id ? [element] : []), ...elements(element).flatMap(child => withId(child, id))]
}

function checkManifest(manifest: XmlElement, { submissionSetUniqueId, documents }: XadesContext): void {
  const entries = new Map(references(manifest).map(reference => [reference.uri, reference]))
  if (entries.size !== kids(manifest, DS, 'Reference').length) throw new SignatureFault('a manifest reference is repeated')
  const set = entries.get(`urn:oid:${submissionSetUniqueId}`)
  if (set?.value !== 'AA==') throw new SignatureFault('the manifest does not name the submission set')
  if (entries.size !== documents.length + 1) throw new SignatureFault('the manifest has not one reference for each document')
  for (const { uniqueId, content } of documents) {
    const reference = entries.get(`urn:oid:${uniqueId}`)
    if (!reference) throw new SignatureFault('the manifest does not name a document')
    const [transform, ...others] = reference.transforms.map(each => attribute(each, 'Algorithm'))
    if (transform !== C14N_COMMENTS || others.length > 0) throw new SignatureFault('a document is not digested after c14n WithComments')
    if (!digestHolds(reference, parseXml(content))) throw new SignatureFault('digest of a document')
  }
}

function checkProperties(properties: XmlElement, signature: XmlElement, signer: Holder, now: number): void {
  const space = properties.uri
  if (!XADES.includes(space) || properties.local !== 'SignedProperties') throw new SignatureFault('SignedProperties')
  const target = attribute(properties.parent, 'Target')
  if (properties.parent?.local !== 'QualifyingProperties' || target !== `#${attribute(signature, 'Id')}`)
    throw new SignatureFault('QualifyingProperties/@Target')
  const signed = at(properties, space, 'SignedSignatureProperties')
  const time = textOf(at(signed, space, 'SigningTime'))
  if (!/Z$|[+-]00:00$/.test(time) || !(Math.abs(Date.parse(time) - now) <= TOLERANCE))
    throw new SignatureFault('SigningTime is not now, in UTC')
  if (!at(signed, space, 'SignaturePolicyIdentifier', 'SignaturePolicyImplied')) throw new SignatureFault('SignaturePolicyImplied')
  const chain = kids(at(signed, space, 'SigningCertificate') ?? properties, space, 'Cert')
  checkCertificate(chain[0], space, signer, base64(certificates(signature)[0]))
}

function checkCertificate(cert: XmlElement | undefined, space: string, signer: Holder, der: Buffer): void {
  const digest = at(cert, space, 'CertDigest')
  const method = attribute(
    kids(digest ?? fail('SigningCertificate'), DS, 'DigestMethod')[0] ?? at(digest, space, 'DigestMethod'),
    'Algorithm',
  )
  const hash = method?.endsWith('#sha256') ? 'sha256' : method?.endsWith('#sha1') ? 'sha1' : fail('CertDigest/DigestMethod')
  const value = textOf(at(digest, DS, 'DigestValue') ?? at(digest, space, 'DigestValue'))
  if (!createHash(hash).update(der).digest().equals(base64(value))) throw new SignatureFault('CertDigest')
  const issuer = at(cert, space, 'IssuerSerial')
  if (textOf(at(issuer, DS, 'X509SerialNumber')) !== signer.serial) throw new SignatureFault('X509SerialNumber')
  if (!sameName(textOf(at(issuer, DS, 'X509IssuerName')), signer.issuer)) throw new SignatureFault('X509IssuerName')
}

function fail(rule: string): never {
  throw new SignatureFault(rule)
}

/** Purpose of signature "source" (ASTM E1762), about this very signature. */
function checkPurpose(signature: XmlElement): void {
  const [property, ...others] = below(signature, DS, 'SignatureProperty')
  const right = textOf(property) === SOURCE && attribute(property, 'Target') === `#${attribute(signature, 'Id')}`
  if (!right || others.length > 0 || attribute(property, 'Id') !== 'purposeOfSignature') throw new SignatureFault('SignatureProperty')
}
