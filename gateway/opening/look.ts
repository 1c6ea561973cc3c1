import { X509Certificate } from 'node:crypto'
import {
  type Anchors,
  CmsFault,
  type CmsFaultReason,
  formatName,
  type Identity,
  judgeRecipient,
  judgeSigner,
  type MailLayer,
  type OpenedMail,
  openMail,
  outermostLayer,
  type PeerFault,
  type PeerVerdict,
  type Signer,
} from '../../crypto/index.ts'

/** What is told of a signer whose signature is right and whose certificate is accepted. */
export interface SeenSigner {
  /** RFC 4514. */
  name: string
  issuer: string
  /** Lower-case hexadecimal. */
  serial: string
  /** Addresses that the certificate names, lower case. */
  emails: string[]
  certificatePem: string
  mayBeEncryptedTo: boolean
}

/** `detail`: a sentence that never quotes the content. */
export interface SeenFault {
  reason: CmsFaultReason
  detail: string
  verdict?: PeerFault
}

/** What was found when a mail was looked into. `signed`: the signers of each signed layer, outermost first. Plain values: they come out of a thread. */
export type Seen =
  /** Not protected as a whole, or encrypted to others: it stays as it is. */
  | { kind: 'left' }
  | { kind: 'opened'; message: Uint8Array; ciphers: string[]; signed: SeenSigner[][] }
  /** Encrypted to us, and nothing of it may be handed out. */
  | { kind: 'closed'; fault: SeenFault }
  | { kind: 'signed'; form: 'detached' | 'opaque'; signed: SeenSigner[][] }
  | { kind: 'unverified'; fault: SeenFault }
  /** Signed; nobody had the time or the memory to look. */
  | { kind: 'unseen' }

/** What a certificate is judged for: it signed the mail, or mail may be encrypted to it. */
export type Use = 'signature' | 'encryption'

/** Judges a certificate (DER), now: see `judgeSigner` and `judgeRecipient` of crypto. */
export type Judge = (certificate: Buffer, use: Use) => Promise<PeerVerdict>

/** Judges by those authorities and their lists, at the instant of each question (milliseconds). */
export function judgeWith(anchors: Anchors, now: () => number): Judge {
  return (certificate, use) => {
    const at = new Date(now())
    return use === 'signature' ? judgeSigner(certificate, { anchors, at }) : judgeRecipient(certificate, anchors, at)
  }
}

export interface LookOptions {
  identities: readonly Identity[]
  judge: Judge
  /** Octets, of the mail and of each layer of it. */
  most: number
}

/**
 * Opens a mail that is encrypted to us, or verifies one that is signed. Nothing is opened behind a signature: who wraps the ciphertext of another in a
 * signature of his own gets nothing out of it. And nothing that is not authenticated is handed out (AES-CBC without a signature inside): a gateway that
 * took some and refused others would tell what it decrypted (RFC 3218, Efail).
 */
export async function look(mail: Buffer, options: LookOptions): Promise<Seen> {
  const outermost = await outermostLayer(mail)
  if (outermost === 'encrypted') return opened(mail, options)
  return outermost === 'signed' ? verified(mail, { ...options, identities: [] }) : { kind: 'left' }
}

async function opened(mail: Buffer, options: LookOptions): Promise<Seen> {
  try {
    const { message, layers, isAuthenticated } = await taken(mail, options)
    if (!isAuthenticated) return { kind: 'closed', fault: { reason: 'undecryptable', detail: '' } }
    const ciphers = layers.flatMap(layer => (layer.kind === 'encrypted' ? [layer.cipher] : []))
    return { kind: 'opened', message, ciphers, signed: await signersIn(layers, options) }
  } catch (error) {
    const fault = faultOf(error)
    return fault.reason === 'not-for-us' ? { kind: 'left' } : { kind: 'closed', fault }
  }
}

async function verified(mail: Buffer, options: LookOptions): Promise<Seen> {
  try {
    const { layers } = await taken(mail, options)
    const [outermost] = layers
    const form = outermost?.kind === 'signed' ? outermost.form : 'detached'
    return { kind: 'signed', form, signed: await signersIn(layers, options) }
  } catch (error) {
    return { kind: 'unverified', fault: faultOf(error) }
  }
}

function taken(mail: Buffer, { identities, judge, most }: LookOptions): Promise<OpenedMail> {
  return openMail(mail, { identities, judge: certificate => judge(certificate, 'signature'), most })
}

function faultOf(error: unknown): SeenFault {
  if (!(error instanceof CmsFault)) throw error
  return { reason: error.reason, detail: error.message, ...(error.verdict ? { verdict: error.verdict } : {}) }
}

function signersIn(layers: readonly MailLayer[], { judge }: LookOptions): Promise<SeenSigner[][]> {
  const signed = layers.flatMap(layer => (layer.kind === 'signed' ? [layer.signers] : []))
  return Promise.all(signed.map(signers => Promise.all(signers.map(signer => seenSigner(signer, judge)))))
}

async function seenSigner({ facts, certificate, emails }: Signer, judge: Judge): Promise<SeenSigner> {
  return {
    name: formatName(facts.subject),
    issuer: formatName(facts.issuer),
    serial: facts.serial,
    emails,
    certificatePem: new X509Certificate(certificate).toString(),
    mayBeEncryptedTo: (await judge(certificate, 'encryption')).kind === 'trusted',
  }
}
