import { type CipherGCM, createCipheriv, type KeyObject, X509Certificate } from 'node:crypto'
import type { Anchors } from '../anchors.ts'
import { randomOctets } from '../random.ts'
import { type PackedRecipient, packRecipient, unpackRecipient } from '../recipient.ts'
import { CIPHER_OIDS, type Cipher, ID_AUTH_ENVELOPED_DATA, ID_DATA, ID_ENVELOPED_DATA, isGcm, keyLength } from './algorithms.ts'
import { MOST_RECIPIENTS } from './decrypt.ts'
import { CmsFault, parsing } from './fault.ts'
import { type Flow, type Stage, through } from './flow.ts'
import { issuerAndSerialOf } from './holder.ts'
import { wrapForCurve } from './key-agreement.ts'
import { type RsaTransport, wrapForRsa } from './key-transport.ts'
import type { Source } from './source.ts'
import { algorithm, END, header, inContext, integer, octetString, oid, open, sequence, setOf, TAG } from './write.ts'

const NONCE_LENGTH = 12
const IV_LENGTH = 16
const FAIR_LENGTH = 64 * 1024
const GCM_TAG_LENGTH = integer(16)

/** The two ways we encrypt (DESIGN decision 4). Elliptic curve keys get ECDH in both. */
export type EncryptionProfile = 'mail-client' | 'gateway'

const PROFILES: Record<EncryptionProfile, { cipher: Cipher; transport: RsaTransport }> = {
  // What every S/MIME client reads (RFC 8551 §2.3, §2.7). The content is not authenticated: it must be signed inside.
  'mail-client': { cipher: 'aes-256-cbc', transport: 'pkcs1' },
  gateway: { cipher: 'aes-256-gcm', transport: 'oaep' },
}

/** The cipher of a profile. */
export function profileCipher(profile: EncryptionProfile): Cipher {
  return PROFILES[profile].cipher
}

/**
 * `to`: certificates, PEM or DER, each judged against the anchors at `at` before anything is encrypted; or those that {@link packRecipient} has judged.
 * `cipher` and `rsa` replace what the profile says.
 */
export type EncryptOptions = Recipients & { profile: EncryptionProfile; cipher?: Cipher; rsa?: RsaTransport }

type Recipients = ToJudge | { judged: readonly PackedRecipient[] }

interface ToJudge {
  to: readonly (Buffer | string)[]
  anchors: Anchors
  at: Date
}

/**
 * Encrypts to many recipients: an EnvelopedData (RFC 5652 §6) with CBC, an AuthEnvelopedData (RFC 5083, 5084) with GCM. The content flows through;
 * the outer layers have indefinite lengths.
 * @throws CmsFault `recipient` when a certificate is not accepted: nothing is sent to some of them only
 */
export function encrypt(content: Source, options: EncryptOptions): AsyncGenerator<Buffer> {
  return through(content, () => encryption(options))
}

/** The stage of {@link encrypt}. It throws before anything is encrypted. */
export async function encryption(options: EncryptOptions): Promise<Stage> {
  const { cipher, transport } = howOf(options)
  const contentKey = randomOctets(keyLength(cipher))
  const recipients = (await recipientsOf(options)).map(recipient => wrapFor(recipient, contentKey, transport))
  const iv = randomOctets(isGcm(cipher) ? NONCE_LENGTH : IV_LENGTH)
  const encrypting = createCipheriv(cipher, contentKey, iv)
  contentKey.fill(0)
  return next => {
    const version = isGcm(cipher) || recipients.every(([tag]) => tag === TAG.sequence) ? 0 : 2 // RFC 5083 §2.1, RFC 5652 §6.1
    const parameters = isGcm(cipher) ? sequence(octetString(iv), GCM_TAG_LENGTH) : octetString(iv)
    next.add(
      Buffer.concat([
        ...[open(TAG.sequence), oid(typeOf(cipher)), open(inContext(0)), open(TAG.sequence), integer(version), setOf(...recipients)],
        ...[open(TAG.sequence), oid(ID_DATA), algorithm(CIPHER_OIDS[cipher], parameters), open(inContext(0))],
      ]),
    )
    const strings = new OctetStrings(next)
    return {
      add: octets => strings.add(encrypting.update(octets)),
      end() {
        strings.add(encrypting.final())
        strings.flush()
        const mac = isGcm(cipher) ? octetString((encrypting as CipherGCM).getAuthTag()) : Buffer.alloc(0)
        next.add(Buffer.concat([END, END, mac, END, END, END]))
        next.end()
      },
    }
  }
}

/** Octet strings of a fair length made of pieces of any, none of them copied: that would cost as much as encrypting it. */
class OctetStrings {
  readonly #next: Flow
  #parts: Buffer[] = []
  #length = 0
  constructor(next: Flow) {
    this.#next = next
  }

  add(octets: Buffer): void {
    this.#parts.push(octets)
    this.#length += octets.length
    if (this.#length >= FAIR_LENGTH) this.flush()
  }

  flush(): void {
    if (this.#length === 0) return
    this.#next.add(header(TAG.octetString, this.#length))
    for (const part of this.#parts) this.#next.add(part)
    this.#parts = []
    this.#length = 0
  }
}

/** The content type of what a profile or cipher makes. */
export function envelopeKind(options: Pick<EncryptOptions, 'profile' | 'cipher'>): 'enveloped-data' | 'authEnveloped-data' {
  return isGcm(options.cipher ?? PROFILES[options.profile].cipher) ? 'authEnveloped-data' : 'enveloped-data'
}

function howOf({ profile, cipher, rsa }: EncryptOptions): { cipher: Cipher; transport: RsaTransport } {
  return { cipher: cipher ?? PROFILES[profile].cipher, transport: rsa ?? PROFILES[profile].transport }
}

function typeOf(cipher: Cipher): string {
  return isGcm(cipher) ? ID_AUTH_ENVELOPED_DATA : ID_ENVELOPED_DATA
}

interface Recipient {
  der: Buffer
  publicKey: KeyObject
  issuerAndSerial: Buffer
}

async function recipientsOf(options: Recipients): Promise<Recipient[]> {
  const { length } = 'judged' in options ? options.judged : options.to
  if (length === 0) throw new Error('nobody to encrypt to')
  if (length > MOST_RECIPIENTS) throw new CmsFault('too-large', `more than ${MOST_RECIPIENTS} recipients`)
  const judged =
    'judged' in options ? options.judged : await Promise.all(options.to.map(each => packRecipient(each, options.anchors, options.at)))
  return judged.map(recipient => readRecipient(unpackRecipient(recipient)))
}

const read = new Map<string, Recipient>()
const MOST_READ = 5000

/** Reading a certificate costs more than encrypting to it, and the same boxes get mail every day. What is kept is public, and judged anew. */
function readRecipient(der: Buffer): Recipient {
  const text = der.toString('latin1')
  const known = read.get(text)
  if (known) return known
  const { publicKey } = parsing('the certificate of a recipient', () => new X509Certificate(der))
  const recipient = { der, publicKey, issuerAndSerial: issuerAndSerialOf(der) }
  if (read.size >= MOST_READ) read.clear()
  read.set(text, recipient)
  return recipient
}

function wrapFor({ publicKey, issuerAndSerial }: Recipient, contentKey: Buffer, transport: RsaTransport): Buffer {
  if (publicKey.asymmetricKeyType === 'ec') return wrapForCurve(contentKey, publicKey, issuerAndSerial)
  return wrapForRsa(contentKey, publicKey, issuerAndSerial, transport)
}
