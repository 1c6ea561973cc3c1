import { createHash, X509Certificate } from 'node:crypto'
import { SignerInfo } from '@peculiar/asn1-cms'
import { AsnConvert } from '@peculiar/asn1-schema'
import { type Anchors, trustOf } from '../anchors.ts'
import { type CertificateFacts, readCertificate } from '../certificate.ts'
import { judgeCertificate, judgePast } from '../chain.ts'
import { elements, onlyElement } from '../der.ts'
import { prepared } from '../ocsp.ts'
import type { Usage } from '../usage.ts'
import type { PeerVerdict } from '../verdict.ts'
import { HASH_OIDS, type Hash, hashOf, ID_SIGNED_DATA } from './algorithms.ts'
import { readAttributes } from './attributes.ts'
import { BerReader } from './ber.ts'
import { CmsFault, parsing } from './fault.ts'
import { emailsOf, type Holder, holderOf, isMeant } from './holder.ts'
import { octetsOf, readAlgorithm, readOid } from './read.ts'
import { checkSignature, readSignatureAlgorithm, type Scheme } from './signature-scheme.ts'
import { Collected, piecesOf, type Source } from './source.ts'
import { inContext, TAG } from './write.ts'

const SMALL = 4096
/** Some twenty certificates. */
const MOST_CERTIFICATES = 64 * 1024
const MOST_LISTS = 16 * 1024 * 1024
const MOST_SIGNER_OCTETS = 64 * 1024
const MOST_SIGNERS = 16
/** Content that is kept until it is verified, unless the caller says otherwise. */
export const USUAL_MOST = 64 * 1024 * 1024

/** `at`: the instant at which the signers' certificates are judged: now, for mail. A signing time is only the signer's word. */
export interface SignerTrust {
  anchors: Anchors
  at: Date
  /** For what was signed in the past: `at` is then, and this is the instant of looking at the revocation lists. */
  revokedBy?: Date
  /** What the certificates must be for; signatures unless told. */
  usage?: Usage
}

/** Judges the certificate of a signer (DER) as {@link judgeSigner} does, elsewhere: a thread knows neither the lists as they are nor a responder's answers. */
export type SignerJudge = (certificate: Buffer) => Promise<PeerVerdict>

export type VerifyOptions = (SignerTrust | { judge: SignerJudge }) & {
  /** Bound for opaque content, octets. */
  most?: number
}

/** Someone whose signature is right and whose certificate is accepted. */
export interface Signer {
  facts: CertificateFacts
  /** DER: what an answer can be encrypted to, when its usage allows. */
  certificate: Buffer
  /** Addresses that the certificate names, lower case; RFC 8550 §3 wants the sender's among them, when there are any. */
  emails: string[]
  /** When he says that he signed. */
  signedAt: Date | undefined
  /** Whether the signature itself names the certificate (RFC 5035), so that no other of the same key can take its place. */
  isNamed: boolean
  scheme: Scheme
  hash: Hash
}

/** A SignedData as it was read, nothing verified yet. */
interface Read {
  contentType: string
  digests: ReadonlyMap<Hash, Buffer>
  content: Buffer | undefined
  certificates: Buffer[]
  signerInfos: Buffer[]
}

/**
 * Verifies an opaque SignedData. Every signer must be right and accepted: a signature that we cannot judge is a no.
 * @returns the content, only when it is verified
 * @throws CmsFault
 */
export async function verifyOpaque(
  cms: Source,
  options: VerifyOptions,
): Promise<{ content: Buffer; contentType: string; signers: Signer[] }> {
  const signed = await read(cms, options.most ?? USUAL_MOST)
  if (!signed.content) throw new CmsFault('malformed', 'the signed content is not in the message')
  return { content: signed.content, contentType: signed.contentType, signers: await check(signed, signed.digests, options) }
}

/**
 * Verifies content that travels beside its signature; it is hashed as it flows, and not kept.
 * @param cms the SignedData
 * @throws CmsFault
 */
export async function verifyDetached(cms: Source, content: Source, options: VerifyOptions): Promise<{ signers: Signer[] }> {
  const signed = await read(cms, 0)
  if (signed.content) throw new CmsFault('unsupported', 'the signature brings content of its own')
  const hashes = new Map(hashesOf(signed.signerInfos).map(hash => [hash, createHash(hash)]))
  for await (const piece of piecesOf(content)) for (const hash of hashes.values()) hash.update(piece)
  const digests = new Map([...hashes].map(([name, hash]) => [name, hash.digest()]))
  return { signers: await check(signed, digests, options) }
}

/**
 * What an opaque SignedData holds, with nothing verified: for who only looks into a message, and lets nothing depend on who signed it.
 * @param most octets
 * @returns undefined when the content travels beside its signature
 * @throws CmsFault
 */
export async function unverifiedContent(cms: Source, most = USUAL_MOST): Promise<Buffer | undefined> {
  return (await read(cms, most)).content
}

/** RFC 5652 §5.1. */
function read(cms: Source, most: number): Promise<Read> {
  return BerReader.read(cms, async reader => {
    await reader.enter(TAG.sequence, 'the content info')
    if (readOid(await reader.element(SMALL, TAG.oid)) !== ID_SIGNED_DATA)
      throw new CmsFault('unsigned', 'the CMS object is not a signature')
    await reader.enter(inContext(0), 'the signed data')
    await reader.enter(TAG.sequence, 'the signed data')
    await reader.element(SMALL, TAG.integer)
    const announced = await reader.element(SMALL, TAG.set)
    const content = await readContent(reader, announced, most)
    const certificates = (await reader.next()) === inContext(0) ? await reader.element(MOST_CERTIFICATES) : undefined
    if ((await reader.next()) === inContext(1)) await reader.element(MOST_LISTS) // lists come from our own configuration
    const signerInfos = await reader.element(MOST_SIGNER_OCTETS, TAG.set)
    for (let layer = 0; layer < 3; layer++) await reader.leave()
    return { ...content, certificates: certificatesIn(certificates), signerInfos: wholes(signerInfos) }
  })
}

async function readContent(reader: BerReader, announced: Buffer, most: number): Promise<Pick<Read, 'contentType' | 'digests' | 'content'>> {
  await reader.enter(TAG.sequence, 'the signed content')
  const contentType = readOid(await reader.element(SMALL, TAG.oid))
  const hashes = announcedHashes(announced).map(name => [name, createHash(name)] as const)
  const content = new Collected(most)
  const isThere = (await reader.next()) !== undefined
  if (isThere) {
    await reader.enter(inContext(0), 'the signed content')
    for await (const piece of reader.octets()) {
      content.add(piece)
      for (const [, hash] of hashes) hash.update(piece)
    }
    await reader.leave()
  }
  await reader.leave()
  return {
    contentType,
    digests: new Map(hashes.map(([name, hash]) => [name, hash.digest()])),
    content: isThere ? content.whole() : undefined,
  }
}

/** Those that we accept; a signer with another one is refused later, by its name. */
function announcedHashes(set: Buffer): Hash[] {
  const known = new Map(Object.entries(HASH_OIDS).map(([hash, oid]) => [oid, hash as Hash]))
  const announced = wholes(set).map(identifier => known.get(readAlgorithm(identifier).algorithm))
  return [...new Set(announced.filter(hash => hash !== undefined))]
}

function wholes(set: Buffer): Buffer[] {
  return parsing('a set', () => [...elements(onlyElement(set).inside)].map(({ whole }) => whole))
}

/** Other kinds (attribute certificates) are left alone: no signature of ours needs them. */
function certificatesIn(set: Buffer | undefined): Buffer[] {
  return set ? wholes(set).filter(([tag]) => tag === TAG.sequence) : []
}

function hashesOf(signerInfos: readonly Buffer[]): Hash[] {
  return signerInfos.map(info => hashOf(readSignerInfo(info).digestAlgorithm.algorithm))
}

function readSignerInfo(der: Buffer): SignerInfo {
  return parsing('the signer information', () => AsnConvert.parse(der, SignerInfo))
}

async function check(signed: Read, digests: ReadonlyMap<Hash, Buffer>, options: VerifyOptions): Promise<Signer[]> {
  if (signed.signerInfos.length === 0) throw new CmsFault('unsigned', 'nobody signed')
  if (signed.signerInfos.length > MOST_SIGNERS) throw new CmsFault('too-large', `more than ${MOST_SIGNERS} signers`)
  const holders = signed.certificates.map(holderOf)
  const verified = signed.signerInfos.map(info => checkSigner(info, signed.contentType, holders, digests))
  const verdicts = await Promise.all(
    verified.map(({ certificate }) => ('judge' in options ? options.judge(certificate) : judgeSigner(certificate, options))),
  )
  for (const verdict of verdicts) {
    if (verdict.kind === 'refused') throw new CmsFault('signer', `the signer's ${verdict.detail}`, { verdict: verdict.why })
  }
  return verified
}

/** RFC 5652 §5.4, §5.6. The certificate itself is judged when all arithmetic is right. */
function checkSigner(der: Buffer, contentType: string, holders: readonly Holder[], digests: ReadonlyMap<Hash, Buffer>): Signer {
  const info = readSignerInfo(der)
  const hash = hashOf(info.digestAlgorithm.algorithm)
  const how = readSignatureAlgorithm(info.signatureAlgorithm, hash)
  // Without them, the attributes of one signature could be shown as the content of another: the two octet strings are signed alike.
  if (!info.signedAttrs) throw new CmsFault('unsupported', 'a signature without signed attributes is not accepted')
  const holder = holders.find(candidate => isMeant(candidate, info.sid))
  if (!holder) throw new CmsFault('signer', 'the certificate of the signer is not in the message', { verdict: 'no-certificate' })
  const attributes = readAttributes(info.signedAttrs, holder.der)
  const x509 = parsing('the certificate of the signer', () => new X509Certificate(holder.der))
  checkSignature(
    x509.publicKey,
    how,
    parsing('the signed attributes', () => signedOctets(der)),
    octetsOf(info.signature),
  )
  if (attributes.contentType !== contentType) throw new CmsFault('altered', 'the content is not of the type that was signed')
  if (!digests.get(hash)?.equals(attributes.messageDigest)) throw new CmsFault('altered', 'the content is not the one that was signed')
  return {
    facts: readCertificate(holder.der),
    certificate: holder.der,
    emails: parsing('the certificate of the signer', () => emailsOf(x509)),
    signedAt: attributes.signingTime,
    isNamed: attributes.isNamed,
    scheme: how.scheme,
    hash,
  }
}

/** The attributes as they came, as the SET OF that was signed (RFC 5652 §5.4). */
function signedOctets(signerInfo: Buffer): Buffer {
  const [, , , attributes] = [...elements(onlyElement(signerInfo).inside)]
  const octets = Buffer.from(attributes!.whole)
  octets[0] = TAG.set
  return octets
}

/**
 * Whether what a certificate signed may be believed at that instant. A responder is asked first, where one is needed.
 * @param certificate DER
 * @returns a verdict; never throws for what a certificate can be
 */
export async function judgeSigner(certificate: Buffer, { anchors, at, revokedBy, usage = 'signature' }: SignerTrust): Promise<PeerVerdict> {
  await prepared(anchors, certificate, revokedBy ?? at)
  return revokedBy
    ? judgePast(certificate, trustOf(anchors), usage, { at, revokedBy })
    : judgeCertificate(certificate, trustOf(anchors), usage, at)
}
