import { createHash, verify as verifySignature, X509Certificate } from 'node:crypto'
import { type Anchors, trustOf } from './anchors.ts'
import { type CertificateFacts, derToPem, readCertificate } from './certificate.ts'
import { judgeCertificate } from './chain.ts'
import { commonName } from './names.ts'
import { prepared } from './ocsp.ts'
import { SignatureFault } from './signature-fault.ts'
import { checkSignedInfo } from './signed-info.ts'
import { Canonical } from './xml/canonical.ts'
import { DS } from './xml/names.ts'
import { parseXml, type Tag, XmlFault, type XmlSink } from './xml/parse.ts'

/** `signerName` pins the CN of the signer: the chain says that the authority knows him, the name that it is he who signs this. */
export interface VerifyEnvelopedOptions {
  anchors: Anchors
  at: Date
  signerName?: string
}

/** The canonical form of the document without its signature, and who signed it. */
interface Verified {
  signed: string
  signer: CertificateFacts
}

interface Document {
  content: string
  signedInfo: string
  found: SignatureFinder
}

/**
 * Verifies a document signed by an enveloped XML signature in its root. One form is accepted: exactly one ds:Signature, a child of the root;
 * one reference, to the whole document or to the root's ID; enveloped-signature then exclusive canonical form; SHA-256; rsa-sha256.
 * The document is parsed once, and what is returned is made of the very octets that were digested, so nobody can read
 * anything else than what was signed.
 * @returns the canonical form of the document without its signature, and the signer
 * @throws SignatureFault
 */
export function verifyEnveloped(xml: string, options: VerifyEnvelopedOptions): Verified {
  return verify(read(xml), options)
}

/** As {@link verifyEnveloped}; before, the responder of the signer's authority is asked if it must be. */
export async function verifyEnvelopedAsking(xml: string, options: VerifyEnvelopedOptions): Promise<Verified> {
  const document = read(xml)
  await prepared(options.anchors, certificateOf(document.found), options.at)
  return verify(document, options)
}

function verify({ content, signedInfo, found }: Document, { anchors, at, signerName }: VerifyEnvelopedOptions): Verified {
  const der = certificateOf(found)
  checkSigner(der, anchors, at, signerName)
  const { digest, uri } = checkSignedInfo(signedInfo)
  if (uri !== '' && !found.isOnlyRoot(uri.slice(1)))
    throw new SignatureFault('ambiguous', 'the reference is not to the root of the document')
  if (!verifySignature('sha256', Buffer.from(signedInfo), new X509Certificate(der).publicKey, base64(found.signatureValue)))
    throw new SignatureFault('forged', 'the signature value was not made by the key of the certificate')
  if (!createHash('sha256').update(content).digest().equals(digest))
    throw new SignatureFault('altered', 'the content is not the one that was signed')
  return { signed: content, signer: readCertificate(der) }
}

/**
 * The certificate that a signed document brings along, PEM. Everybody can put one there: a signature that is right by it says that the document was
 * not changed since, and nothing of who signed it.
 * @throws SignatureFault
 */
export function signerIn(xml: string): string {
  return derToPem(certificateOf(read(xml).found), 'CERTIFICATE')
}

function read(xml: string): Document {
  const isSignature = ({ uri, local }: Tag, depth: number) => depth === 1 && uri === DS && local === 'Signature'
  const found = new SignatureFinder()
  const content = new Canonical({ exclusive: true, comments: false, leaveOut: isSignature })
  const signedInfo = new Canonical({ exclusive: true, comments: false, apex: () => found.isAt('SignedInfo') })
  try {
    parseXml(xml, [found, content, signedInfo])
  } catch (error) {
    if (error instanceof XmlFault) throw new SignatureFault('malformed', error.message, { cause: error })
    throw error
  }
  found.check()
  if (signedInfo.found !== 1) throw new SignatureFault('unsupported', 'the signature has not exactly one SignedInfo')
  return { content: content.result(), signedInfo: signedInfo.result(), found }
}

function certificateOf({ certificate }: SignatureFinder): Buffer {
  const der = base64(certificate)
  try {
    readCertificate(der)
    return der
  } catch (cause) {
    throw new SignatureFault('signer', 'the certificate of the signature cannot be read', { cause, verdict: 'unreadable' })
  }
}

function checkSigner(der: Buffer, anchors: Anchors, at: Date, signerName: string | undefined): void {
  const verdict = judgeCertificate(der, trustOf(anchors), 'signature', at)
  if (verdict.kind === 'refused') throw new SignatureFault('signer', `signer refused: ${verdict.detail}`, { verdict: verdict.why })
  if (new X509Certificate(der).publicKey.asymmetricKeyType !== 'rsa') throw new SignatureFault('unsupported', 'the signer has no RSA key')
  if (signerName !== undefined && commonName(verdict.subject) !== signerName)
    throw new SignatureFault('signer', 'the signer is not the one expected', { verdict: 'not-from-anchors' })
}

/** Base64 with line ends; `&#13;` at line ends was already decoded by the parser. */
function base64(text: string): Buffer {
  const compact = text.replace(/[ \t\r\n]/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw new SignatureFault('unsupported', 'the signature holds something else than base64')
  return Buffer.from(compact, 'base64')
}

/** Gathers what stands around SignedInfo, and where the signature is. */
class SignatureFinder implements XmlSink {
  signatureValue = ''
  certificate = ''
  readonly #path: string[] = []
  readonly #ids: string[] = []
  #rootIds: string[] = []
  #signatures = 0
  #misplaced = false
  #values = 0
  #certificates = 0

  open(tag: Tag, depth: number): void {
    this.#path.push(tag.uri === DS ? tag.local : '*')
    const ids = ['ID', 'Id', 'id'].flatMap(name => tag.attributes[name]?.value ?? [])
    this.#ids.push(...ids)
    if (depth === 0) this.#rootIds = ids
    if (tag.uri === DS && tag.local === 'Signature') {
      this.#signatures++
      this.#misplaced ||= depth !== 1
    }
    if (this.isAt('SignatureValue')) this.#values++
    if (this.isAt('KeyInfo', 'X509Data', 'X509Certificate')) this.#certificates++
  }

  close(): void {
    this.#path.pop()
  }

  text(text: string): void {
    if (this.isAt('SignatureValue')) this.signatureValue += text
    if (this.#certificates === 1 && this.isAt('KeyInfo', 'X509Data', 'X509Certificate')) this.certificate += text
  }

  /** Whether the parser stands in root / ds:Signature / these elements of the ds namespace. */
  isAt(...names: string[]): boolean {
    const path = this.#path
    return path.length === names.length + 2 && path[1] === 'Signature' && names.every((name, index) => path[index + 2] === name)
  }

  /** Whether the root, and nothing else in the document, has that id. */
  isOnlyRoot(id: string): boolean {
    return this.#rootIds.includes(id) && this.#ids.filter(other => other === id).length === 1
  }

  check(): void {
    if (this.#signatures === 0) throw new SignatureFault('unsigned', 'the document is not signed')
    if (this.#signatures > 1 || this.#misplaced) throw new SignatureFault('ambiguous', 'one signature is expected, as a child of the root')
    if (this.#values !== 1) throw new SignatureFault('unsupported', 'the signature has not exactly one SignatureValue')
    if (this.#certificates === 0) throw new SignatureFault('unsupported', 'the signature has no certificate')
  }
}
