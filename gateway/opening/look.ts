import { X509Certificate } from 'node:crypto'
import {
  type Anchors,
  CmsFault,
  type CmsFaultReason,
  formatName,
  type Identity,
  type MailLayer,
  mayBeEncryptedTo,
  openMail,
  outermostLayer,
  type PeerFault,
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

export interface LookOptions {
  identities: readonly Identity[]
  anchors: Anchors
  at: Date
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
    const { message, layers, isAuthenticated } = await openMail(mail, options)
    if (!isAuthenticated) return { kind: 'closed', fault: { reason: 'undecryptable', detail: '' } }
    const ciphers = layers.flatMap(layer => (layer.kind === 'encrypted' ? [layer.cipher] : []))
    return { kind: 'opened', message, ciphers, signed: signersIn(layers, options) }
  } catch (error) {
    const fault = faultOf(error)
    return fault.reason === 'not-for-us' ? { kind: 'left' } : { kind: 'closed', fault }
  }
}

async function verified(mail: Buffer, options: LookOptions): Promise<Seen> {
  try {
    const { layers } = await openMail(mail, options)
    const [outermost] = layers
    const form = outermost?.kind === 'signed' ? outermost.form : 'detached'
    return { kind: 'signed', form, signed: signersIn(layers, options) }
  } catch (error) {
    return { kind: 'unverified', fault: faultOf(error) }
  }
}

function faultOf(error: unknown): SeenFault {
  if (!(error instanceof CmsFault)) throw error
  return { reason: error.reason, detail: error.message, ...(error.verdict ? { verdict: error.verdict } : {}) }
}

function signersIn(layers: readonly MailLayer[], options: LookOptions): SeenSigner[][] {
  return layers.flatMap(layer => (layer.kind === 'signed' ? [layer.signers.map(signer => seenSigner(signer, options))] : []))
}

function seenSigner({ facts, certificate, emails }: Signer, options: LookOptions): SeenSigner {
  return {
    name: formatName(facts.subject),
    issuer: formatName(facts.issuer),
    serial: facts.serial,
    emails,
    certificatePem: new X509Certificate(certificate).toString(),
    mayBeEncryptedTo: mayBeEncryptedTo(certificate, options),
  }
}
