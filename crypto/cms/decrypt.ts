import { type CipherGCMTypes, createDecipheriv, type DecipherGCM } from 'node:crypto'
import { RecipientInfo } from '@peculiar/asn1-cms'
import { AsnConvert } from '@peculiar/asn1-schema'
import { elements, onlyElement } from '../der.ts'
import type { Identity } from '../identity.ts'
import { keyOf } from '../keyring.ts'
import { type Cipher, cipherOf, ID_AUTH_ENVELOPED_DATA, ID_ENVELOPED_DATA, isGcm, keyLength } from './algorithms.ts'
import { BerReader } from './ber.ts'
import { CmsFault, parsing, undecryptable } from './fault.ts'
import { isMeant, type OwnHolder, ownHolder } from './holder.ts'
import { type Agreement, readAgreement, unwrapWithCurve } from './key-agreement.ts'
import { type RsaUnwrapping, readRsaTransport, unwrapWithRsa } from './key-transport.ts'
import { octetsOf, readAlgorithm, readOid } from './read.ts'
import { Collected, type Source } from './source.ts'
import { USUAL_MOST } from './verify.ts'
import { context, inContext, TAG } from './write.ts'

const SMALL = 4096
export const MOST_RECIPIENTS = 1000
const MOST_RECIPIENT_OCTETS = 1024 * 1024
const MOST_ATTRIBUTES = 64 * 1024

/** `identities`: those we may open mail with. `most`: bound for the content, octets. */
export interface DecryptOptions {
  identities: readonly Identity[]
  most?: number
}

export interface Decrypted {
  content: Buffer
  /** OID of what is inside. */
  contentType: string
  cipher: Cipher
  /**
   * Whether the cipher proves that nobody altered the content on its way (GCM). With CBC it does not: anyone may have put it together, pieces of our
   * own mail included (Efail), and only a signature inside makes it trustworthy. Neither says who wrote it.
   */
  isAuthenticated: boolean
  /** Whose key opened it. */
  identity: Identity
}

/** An envelope as it was read. */
interface Envelope {
  recipients: Buffer[]
  contentType: string
  cipher: Cipher
  iv: Buffer
  pieces: Buffer[]
  /** of GCM */
  mac?: Buffer
  /** authAttrs as the SET that is authenticated (RFC 5083 §2.2) */
  attributes?: Buffer
}

/**
 * Opens an EnvelopedData or AuthEnvelopedData. Nothing is handed out before all of it is decrypted and, with GCM, authenticated.
 * @throws CmsFault. From the moment a key of ours is used there is one fault, `undecryptable`, without detail
 */
export async function decrypt(cms: Source, { identities, most = USUAL_MOST }: DecryptOptions): Promise<Decrypted> {
  const owners = identities.map(identity => ({ identity, holder: ownHolder(identity) }))
  const envelope = await readEnvelope(cms, owners, most)
  const { identity, unwrap } = keyFor(envelope, owners)
  const content = open(envelope, unwrap)
  const { contentType, cipher } = envelope
  return { content, contentType, cipher, isAuthenticated: isGcm(cipher), identity }
}

function open(envelope: Envelope, unwrap: () => Buffer): Buffer {
  try {
    return decipher(envelope, unwrap())
  } catch {
    throw undecryptable()
  }
}

function decipher({ cipher, iv, pieces, mac, attributes }: Envelope, contentKey: Buffer): Buffer {
  const decipher = mac ? authenticating(cipher, contentKey, iv, mac) : createDecipheriv(cipher, contentKey, iv)
  if (attributes) (decipher as DecipherGCM).setAAD(attributes)
  const plain = pieces.map(piece => decipher.update(piece))
  plain.push(decipher.final())
  return Buffer.concat(plain)
}

function authenticating(cipher: Cipher, contentKey: Buffer, nonce: Buffer, mac: Buffer): DecipherGCM {
  return createDecipheriv(cipher as CipherGCMTypes, contentKey, nonce, { authTagLength: mac.length }).setAuthTag(mac)
}

interface Owner {
  identity: Identity
  holder: OwnHolder
}

/** RFC 5652 §6.1, RFC 5083 §2.1. What is meant for others is not read any further: it is not for us to find fault with. */
function readEnvelope(cms: Source, owners: readonly Owner[], most: number): Promise<Envelope> {
  return BerReader.read(cms, async reader => {
    await reader.enter(TAG.sequence, 'the content info')
    const type = readOid(await reader.element(SMALL, TAG.oid))
    if (type !== ID_ENVELOPED_DATA && type !== ID_AUTH_ENVELOPED_DATA)
      throw new CmsFault('unsupported', 'the CMS object is not an encrypted message')
    await reader.enter(inContext(0), 'the envelope')
    await reader.enter(TAG.sequence, 'the envelope')
    await reader.element(SMALL, TAG.integer)
    if ((await reader.next()) === inContext(0)) await reader.element(MOST_RECIPIENT_OCTETS) // certificates of the originator
    const set = await reader.element(MOST_RECIPIENT_OCTETS, TAG.set)
    const recipients = parsing('the recipients', () => wholesIn(set))
    if (!recipients.some(der => owners.some(({ holder }) => mentions(der, holder)))) throw notForUs()
    const content = await readContent(reader, most)
    const envelope = { ...content, recipients }
    const ending = type === ID_AUTH_ENVELOPED_DATA ? await readEnding(reader) : undefined
    if (type === ID_ENVELOPED_DATA && (await reader.next()) === inContext(1)) await reader.element(MOST_ATTRIBUTES)
    for (let layer = 0; layer < 3; layer++) await reader.leave()
    if (isGcm(content.cipher) !== (type === ID_AUTH_ENVELOPED_DATA))
      throw new CmsFault('unsupported', 'the cipher is not one of its envelope')
    if (ending && ending.mac.length !== content.macLength) throw new CmsFault('malformed', 'the authentication tag has another length')
    return { ...envelope, ...ending }
  })
}

function wholesIn(set: Buffer): Buffer[] {
  return [...elements(onlyElement(set).inside)].map(({ whole }) => whole)
}

async function readContent(reader: BerReader, most: number) {
  await reader.enter(TAG.sequence, 'the encrypted content')
  const contentType = readOid(await reader.element(SMALL, TAG.oid))
  const { algorithm, parameters } = readAlgorithm(await reader.element(SMALL, TAG.sequence))
  const cipher = cipherOf(algorithm)
  const collected = new Collected(most + 16)
  if ((await reader.next()) === undefined) throw new CmsFault('unsupported', 'the encrypted content is elsewhere')
  for await (const piece of reader.octets(context(0))) collected.add(piece)
  await reader.leave()
  const settings = parsing('the parameters of the cipher', () => readParameters(cipher, Buffer.from(parameters ?? new ArrayBuffer(0))))
  return { contentType, cipher, pieces: collected.take(), ...settings }
}

/** RFC 3565 §2.3.1: an IV. RFC 5084 §3.2: a nonce, and the length of the tag, 12 unless it says otherwise. */
function readParameters(cipher: Cipher, der: Buffer): { iv: Buffer; macLength: number } {
  const whole = onlyElement(der)
  if (!isGcm(cipher)) {
    if (whole.tag !== TAG.octetString || whole.inside.length !== 16) throw new RangeError('not an IV')
    return { iv: whole.inside, macLength: 0 }
  }
  const [nonce, length] = [...elements(whole.inside)]
  const macLength = length ? length.inside.readUIntBE(0, length.inside.length) : 12
  if (nonce?.tag !== TAG.octetString || nonce.inside.length < NONCE.least || nonce.inside.length > NONCE.most)
    throw new RangeError('not a nonce')
  if (macLength < 12 || macLength > 16) throw new RangeError('not a length of tag')
  return { iv: nonce.inside, macLength }
}

/** Octets; 12 is what everyone writes (RFC 5084 §3.2). */
const NONCE = { least: 8, most: 64 }

async function readEnding(reader: BerReader): Promise<{ mac: Buffer; attributes?: Buffer }> {
  const attributes = (await reader.next()) === inContext(1) ? await reader.element(MOST_ATTRIBUTES) : undefined
  const mac = onlyElement(await reader.element(SMALL, TAG.octetString)).inside
  if ((await reader.next()) === inContext(2)) await reader.element(MOST_ATTRIBUTES)
  if (!attributes) return { mac }
  attributes[0] = TAG.set
  return { mac, attributes }
}

/** What is meant for one of our identities, the first of it. */
function keyFor(envelope: Envelope, owners: readonly Owner[]): { identity: Identity; unwrap: () => Buffer } {
  if (envelope.recipients.length > MOST_RECIPIENTS) throw new CmsFault('too-large', `more than ${MOST_RECIPIENTS} recipients`)
  for (const der of envelope.recipients) {
    for (const { identity, holder } of owners) {
      const unwrap = mentions(der, holder) ? unwrapping(der, holder, identity, keyLength(envelope.cipher)) : undefined
      if (unwrap) return { identity, unwrap }
    }
  }
  throw notForUs()
}

function notForUs(): CmsFault {
  return new CmsFault('not-for-us', 'the message is encrypted to others')
}

/** Parsing a thousand recipients to find ours would be work for nothing: whatever names us holds our serial number or key identifier. */
function mentions(der: Buffer, { serial, keyIdentifier }: OwnHolder): boolean {
  return (
    der.includes(Buffer.from(serial.length % 2 ? `0${serial}` : serial, 'hex')) ||
    (keyIdentifier !== undefined && der.includes(keyIdentifier))
  )
}

function unwrapping(der: Buffer, holder: OwnHolder, identity: Identity, length: number): (() => Buffer) | undefined {
  const { ktri, kari } = parsing('a recipient', () => AsnConvert.parse(der, RecipientInfo))
  const { key } = keyOf(identity)
  if (ktri && isMeant(holder, ktri.rid) && key.asymmetricKeyType === 'rsa') {
    const how: RsaUnwrapping = readRsaTransport(ktri.keyEncryptionAlgorithm)
    return () => unwrapWithRsa(octetsOf(ktri.encryptedKey), key, how, length)
  }
  const ours = kari?.recipientEncryptedKeys.find(({ rid }) =>
    isMeant(holder, { ...rid, ...(rid.rKeyId ? { subjectKeyIdentifier: rid.rKeyId.subjectKeyIdentifier } : {}) }),
  )
  if (!kari || !ours || key.asymmetricKeyType !== 'ec') return undefined
  const agreement: Agreement = readAgreement(kari)
  return () => unwrapWithCurve(octetsOf(ours.encryptedKey), key, agreement)
}
