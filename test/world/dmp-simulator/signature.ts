import { createHash, verify } from 'node:crypto'
import { type CanonicalForm, canonicalForm, canonicalize } from './canonical.ts'
import { CertificateFault, type Holder, type Trust } from './certificates.ts'
import { invalidCertificate } from './refusals.ts'
import { at, attribute, elements, kids, textOf, type XmlDocument, type XmlElement } from './xml-tree.ts'

export const DS = 'http://www.w3.org/2000/09/xmldsig#'
export const RSA_SHA1 = `${DS}rsa-sha1`
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const SHA1 = `${DS}sha1`
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256'
const ENVELOPED = `${DS}enveloped-signature`
const EXC = 'http://www.w3.org/2001/10/xml-exc-c14n#'

/** The signature is not right; the message names the rule. */
export class SignatureFault extends Error {
  override readonly name = 'SignatureFault'
}

/** One ds:Reference, read. */
export interface Reference {
  uri: string
  type: string | undefined
  transforms: XmlElement[]
  digest: 'sha1' | 'sha256'
  value: string
}

/**
 * Verifies the value of a ds:Signature and the certificate that made it. The references are the caller's to check.
 * @param accepted the canonicalization of SignedInfo and the signature methods that this place takes
 * @throws SignatureFault; SoapFault DMPInvalidCertificate for a certificate that is not of the kind ORG SIGN, good at that time
 */
export function verifySigner(
  signature: XmlElement,
  accepted: { canonicalization: readonly string[]; methods: readonly string[] },
  trust: Trust,
  when: Date,
): Holder {
  const info = at(signature, DS, 'SignedInfo')
  const canonicalization = attribute(at(info, DS, 'CanonicalizationMethod'), 'Algorithm') ?? ''
  const method = attribute(at(info, DS, 'SignatureMethod'), 'Algorithm') ?? ''
  const form = canonicalForm(canonicalization)
  if (!info || !form || !accepted.canonicalization.includes(canonicalization)) throw new SignatureFault('CanonicalizationMethod')
  if (!accepted.methods.includes(method)) throw new SignatureFault('SignatureMethod')
  const holder = judge(base64(certificates(signature)[0]), trust, when)
  const value = base64(textOf(at(signature, DS, 'SignatureValue')))
  const hash = method === RSA_SHA1 ? 'sha1' : 'sha256'
  if (!verify(hash, canonicalize(info, form), holder.certificate.publicKey, value)) throw new SignatureFault('SignatureValue')
  return holder
}

/** @returns the base64 texts of KeyInfo's certificates, the signer's first */
export function certificates(signature: XmlElement): string[] {
  return kids(at(signature, DS, 'KeyInfo', 'X509Data') ?? signature, DS, 'X509Certificate').map(textOf)
}

function judge(der: Buffer, trust: Trust, when: Date): Holder {
  try {
    return trust.judge(der, 'SIGN', when)
  } catch (error) {
    if (error instanceof CertificateFault) throw invalidCertificate(`signature: ${error.message}`)
    throw error
  }
}

/** @returns the references of a SignedInfo or Manifest @throws SignatureFault when one lacks its digest */
export function references(list: XmlElement): Reference[] {
  return kids(list, DS, 'Reference').map(reference => {
    const method = attribute(at(reference, DS, 'DigestMethod'), 'Algorithm')
    if (method !== SHA1 && method !== SHA256) throw new SignatureFault('DigestMethod')
    const transforms = at(reference, DS, 'Transforms')
    return {
      uri: attribute(reference, 'URI') ?? '',
      type: attribute(reference, 'Type'),
      transforms: transforms ? elements(transforms) : [],
      digest: method === SHA1 ? 'sha1' : 'sha256',
      value: textOf(at(reference, DS, 'DigestValue')),
    }
  })
}

/**
 * @param signature given when the reference may use the enveloped-signature transform
 * @returns whether the digest is the one of this node after the reference's transforms
 * @throws SignatureFault on a transform that is neither a canonicalization nor enveloped-signature
 */
export function digestHolds(reference: Reference, node: XmlDocument | XmlElement, signature?: XmlElement): boolean {
  let form: CanonicalForm = { exclusive: false, comments: false }
  let without: XmlElement | undefined
  for (const transform of reference.transforms) {
    const algorithm = attribute(transform, 'Algorithm') ?? ''
    const named = canonicalForm(algorithm)
    if (algorithm === ENVELOPED && signature) without = signature
    else if (named) form = { ...named, prefixes: inclusivePrefixes(transform) }
    else throw new SignatureFault('Transform')
  }
  const octets = canonicalize(node, without ? { ...form, without } : form)
  return createHash(reference.digest).update(octets).digest().equals(base64(reference.value))
}

function inclusivePrefixes(transform: XmlElement): string[] {
  const list = attribute(at(transform, EXC, 'InclusiveNamespaces'), 'PrefixList') ?? ''
  return list
    .split(/\s+/)
    .filter(Boolean)
    .map(prefix => (prefix === '#default' ? '' : prefix))
}

/** @throws SignatureFault unless the text is base64, blanks aside */
export function base64(text: string | undefined): Buffer {
  const bare = (text ?? '').replace(/\s+/g, '')
  if (bare === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(bare)) throw new SignatureFault('base64')
  return Buffer.from(bare, 'base64')
}

const SHORT: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  S: 'ST',
}

/** @returns whether a DN in text (RFC 4514, either order, blanks after commas) has exactly these `TYPE=value` pairs */
export function sameName(text: string, rdns: readonly string[]): boolean {
  const pairs = (text.match(/(?:\\.|"[^"]*"|[^,\\"])+/g) ?? []).map(pair => {
    const [type = '', ...value] = pair.split('=')
    const key = type
      .trim()
      .replace(/^OID\./i, '')
      .toUpperCase()
    return `${SHORT[key] ?? key}=${plain(value.join('=').trim())}`
  })
  return [...pairs].sort().join('\n') === [...rdns].sort().join('\n')
}

function plain(value: string): string {
  const bare = /^".*"$/.test(value) ? value.slice(1, -1) : value
  return bare.replace(/(?:\\[0-9a-f]{2})+/gi, hex => Buffer.from(hex.replaceAll('\\', ''), 'hex').toString()).replace(/\\(.)/g, '$1')
}
