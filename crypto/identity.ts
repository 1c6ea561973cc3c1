import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type CertificateFacts, pemBlocks, readCertificate } from './certificate.ts'
import { keepKey, readKey } from './keyring.ts'
import { loadPkcs12, type Pkcs12Files } from './pkcs12/files.ts'

/** A certificate whose private key we hold. The key itself stays in the keyring of this room. */
export interface Identity {
  readonly certificatePem: string
  /** Intermediate certificates, nearest first, sent with ours in a handshake. */
  readonly chainPem: readonly string[]
  readonly facts: CertificateFacts
}

/** Paths of PEM files. The certificate file may carry the chain behind the certificate. */
export interface PemFiles {
  certificate: string
  key: string
  chain?: string | undefined
}

/** Where an identity lies: PEM files, or a PKCS#12 file with the file of its passphrase. */
export type IdentityFiles = PemFiles | Pkcs12Files

/**
 * Reads a certificate and its key.
 * @param now the instant at which the certificate must be valid
 * @throws Error with one sentence that names the file and the fault (unreadable, key of another certificate, expired, broken chain)
 */
export function loadIdentity(files: IdentityFiles, now: Date = new Date()): Identity {
  return load(files, now)
}

/**
 * Reads a certificate and its key that open what was encrypted to them, whatever its dates: mail of the last day comes after it. And for an overview.
 * @throws Error as {@link loadIdentity}, but for the dates
 */
export function loadOpener(files: IdentityFiles): Identity {
  return load(files, undefined)
}

function load(files: IdentityFiles, now: Date | undefined): Identity {
  try {
    return assemble('pkcs12' in files ? loadPkcs12(files) : loadPem(files), now)
  } catch (cause) {
    throw new Error(`${'pkcs12' in files ? files.pkcs12 : files.certificate}: ${(cause as Error).message}`, { cause })
  }
}

function loadPem(files: PemFiles): { certificatePem: string; keyPem: string } {
  const own = readFileSync(files.certificate, 'utf8')
  if (pemBlocks(own, 'CERTIFICATE').length === 0) throw new Error('no PEM certificate in the file')
  const chain = files.chain ? readFileSync(files.chain, 'utf8') : ''
  if (files.chain && pemBlocks(chain, 'CERTIFICATE').length === 0)
    throw new Error(`no PEM certificate in the file of the chain, ${files.chain}`)
  return { certificatePem: `${own}\n${chain}`, keyPem: readFileSync(files.key, 'utf8') }
}

/**
 * As {@link loadIdentity}, from PEM texts.
 * @param pems `certificatePem` may carry the chain behind the certificate
 */
export function createIdentity(pems: { certificatePem: string; keyPem: string }, now: Date = new Date()): Identity {
  return assemble(pems, now)
}

function assemble(pems: { certificatePem: string; keyPem: string }, now: Date | undefined): Identity {
  const [certificatePem, ...chainPem] = pemBlocks(pems.certificatePem, 'CERTIFICATE')
  if (!certificatePem) throw new Error('no PEM certificate in the file')
  const key = readKey(pems.keyPem)
  if (!new X509Certificate(certificatePem).checkPrivateKey(key)) throw new Error('the private key is not the one of the certificate')
  const facts = readCertificate(certificatePem)
  if (now) checkDates(facts, now)
  checkChain([certificatePem, ...chainPem])
  const identity: Identity = Object.freeze({ certificatePem, chainPem: Object.freeze(chainPem), facts })
  keepKey(identity, key)
  return identity
}

function checkDates({ notBefore, notAfter }: CertificateFacts, now: Date): void {
  if (now > notAfter) throw new Error(`the certificate expired on ${notAfter.toISOString().slice(0, 10)}`)
  if (now < notBefore) throw new Error(`the certificate is valid only from ${notBefore.toISOString()}`)
}

/** RFC 8446 §4.4.2: each certificate certifies the one before it. */
function checkChain(pems: string[]): void {
  const chain = pems.map(pem => new X509Certificate(pem))
  for (const [index, issuer] of chain.slice(1).entries()) {
    const subject = chain[index]!
    if (!subject.checkIssued(issuer) || !subject.verify(issuer.publicKey))
      throw new Error(`chain certificate ${index + 1} did not issue the one before it`)
  }
}
