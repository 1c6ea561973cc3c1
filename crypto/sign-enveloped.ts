import { createHash, sign } from 'node:crypto'
import { pemToDer } from './certificate.ts'
import type { Identity } from './identity.ts'
import { keyOf } from './keyring.ts'
import { canonicalise, escapeAttribute } from './xml/canonical.ts'
import { DS, ENVELOPED, EXC_C14N, RSA_SHA256, SHA256 } from './xml/names.ts'
import { parseXml, type Tag, type XmlSink } from './xml/parse.ts'

/**
 * `where` is the place of ds:Signature: as the last child of the root (the white list), or right after the root's first child of that local name
 * (`Issuer`, for a SAML assertion). With `referenceId` the reference names the root's ID attribute, which must have that value; without it the
 * reference is to the whole document.
 */
export interface SignEnvelopedOptions {
  identity: Identity
  referenceId?: string
  where: 'end-of-root' | { afterChild: string }
}

/**
 * Signs a document (XML Signature, enveloped, exclusive canonical form, rsa-sha256) and leaves every other octet as it was: the result can be
 * embedded in a larger document without breaking.
 * @returns the document with its signature
 * @throws Error when the document is already signed, is not XML, or has no such place
 */
export function signEnveloped(xml: string, { identity, referenceId, where }: SignEnvelopedOptions): string {
  requireRsa(identity)
  const place = new Place(where, referenceId)
  parseXml(xml, [place])
  const digest = createHash('sha256')
    .update(canonicalise(xml, { exclusive: true, comments: false }))
    .digest('base64')
  const signedInfo = signedInfoOf(referenceId === undefined ? '' : `#${referenceId}`, digest)
  const value = signCanonical(canonicalise(signedInfo, { exclusive: true, comments: false }), identity, 'sha256')
  const signature = `<ds:Signature xmlns:ds="${DS}">${signedInfo}<ds:SignatureValue>${value}</ds:SignatureValue>${keyInfo([identity.certificatePem])}</ds:Signature>`
  const at = place.offset(xml)
  return xml.slice(0, at) + signature + xml.slice(at)
}

/** @returns the base64 signature over a canonical text */
export function signCanonical(text: string, identity: Identity, hash: 'sha256' | 'sha1'): string {
  return sign(hash, Buffer.from(text), keyOf(identity).key).toString('base64')
}

/** The rsa-… signature methods need an RSA key. */
export function requireRsa(identity: Identity): void {
  if (keyOf(identity).key.asymmetricKeyType !== 'rsa') throw new Error('an XML signature needs an RSA certificate')
}

/** ds:KeyInfo with certificates, signer's first. */
export function keyInfo(pems: readonly string[]): string {
  const certificates = pems.map(pem => `<ds:X509Certificate>${pemToDer(pem).toString('base64')}</ds:X509Certificate>`)
  return `<ds:KeyInfo><ds:X509Data>${certificates.join('')}</ds:X509Data></ds:KeyInfo>`
}

function signedInfoOf(uri: string, digest: string): string {
  const transforms = [ENVELOPED, EXC_C14N].map(algorithm => `<ds:Transform Algorithm="${algorithm}"/>`).join('')
  return (
    `<ds:SignedInfo xmlns:ds="${DS}"><ds:CanonicalizationMethod Algorithm="${EXC_C14N}"/><ds:SignatureMethod Algorithm="${RSA_SHA256}"/>` +
    `<ds:Reference URI="${escapeAttribute(uri)}"><ds:Transforms>${transforms}</ds:Transforms>` +
    `<ds:DigestMethod Algorithm="${SHA256}"/><ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`
  )
}

/** Finds where the signature goes, and refuses a document that already has one. */
class Place implements XmlSink {
  readonly #where: SignEnvelopedOptions['where']
  readonly #referenceId: string | undefined
  #afterChild = -1
  #endOfRoot = -1

  constructor(where: SignEnvelopedOptions['where'], referenceId: string | undefined) {
    this.#where = where
    this.#referenceId = referenceId
  }

  open(tag: Tag, depth: number): void {
    if (tag.uri === DS && tag.local === 'Signature') throw new Error('the document is already signed')
    if (depth > 0 || this.#referenceId === undefined) return
    const id = tag.attributes.ID ?? tag.attributes.Id
    if (id?.value !== this.#referenceId) throw new Error('the root has no ID attribute with the value to refer to')
  }

  close(tag: Tag, depth: number, end: number): void {
    if (depth === 0 && !tag.isSelfClosing) this.#endOfRoot = end
    if (depth !== 1 || this.#afterChild >= 0 || this.#where === 'end-of-root') return
    if (tag.local === this.#where.afterChild) this.#afterChild = end
  }

  offset(xml: string): number {
    const at = this.#where !== 'end-of-root' ? this.#afterChild : this.#endOfRoot < 0 ? -1 : xml.lastIndexOf('</', this.#endOfRoot - 1)
    if (at < 0) throw new Error('the document has no place for the signature')
    return at
  }
}
