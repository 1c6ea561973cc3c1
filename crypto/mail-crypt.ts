import { createCipheriv, createDecipheriv, createECDH, ECDH, hash, type KeyObject, pbkdf2, pbkdf2Sync, randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { slices } from './cms/source.ts'
import { algorithm, oid, sequence, TAG, value } from './cms/write.ts'
import { SealFault } from './vault.ts'

/*
 * A letter as Dovecot's mail_crypt plugin keeps it, format version 2 (all numbers big-endian, 4 octets unless said):
 *   "CRYPTED" 3 7 · version 2 (1) · flags · octets of this header, all of it · OID of the cipher · OID of the hash · rounds · length of what follows
 *   keys (1): 1 · type (1): 2, elliptic curve · SHA-256 of the public key (32) · length, ephemeral point · length, wrapped seed · length, check of the seed
 *   the letter, AES-256-GCM · tag (16)
 * The seed, new for each letter, is key (32), nonce (12) and associated data (16). It is wrapped by AES-256-CBC under a key and an IV that PBKDF2 derives
 * from the ECDH secret, salted by the ephemeral point. The check is its hash, hashed 2,048 times more, each time with a counter.
 */
const MAGIC = Buffer.from('CRYPTED\x03\x07\x02', 'latin1')
/** What every version of the format begins with. */
const MARK = MAGIC.subarray(0, 9)
const AEAD = 2
const ROUNDS = 2048
const HASH = 'sha256'
const [KEY, NONCE, TAG_BYTES, IV, DIGEST] = [32, 12, 16, 16, 32]
const [CONTENT, WRAP] = ['aes-256-gcm', 'aes-256-cbc'] as const
/** The OIDs of cipher and hash, and the rounds: there is one way. */
const WAY = Buffer.concat([oid('2.16.840.1.101.3.4.1.46'), oid('2.16.840.1.101.3.4.2.1'), uint32(ROUNDS)])
const PREFIX = MAGIC.length + 4 + 4
const ELLIPTIC = 2

/** Those that both OpenSSL and Dovecot have, of 128 bits of strength or more. */
const CURVES: Record<string, string> = { prime256v1: '1.2.840.10045.3.1.7', secp384r1: '1.3.132.0.34', secp521r1: '1.3.132.0.35' }

/** The public key of the mailboxes: it closes letters, and opens none. */
export interface MailboxPublicKey {
  /**
   * @param parts of the letter, one behind the other. A large one is sealed piece by piece: between them others have their turn
   * @returns the letter as Dovecot's mail_crypt plugin keeps it; other octets each time
   */
  seal(...parts: readonly Uint8Array[]): Promise<Buffer>
}

const derive = promisify(pbkdf2)

/** @throws Error with one sentence when the key is on no curve of {@link CURVES} */
export function mailboxPublicKey(key: KeyObject): MailboxPublicKey {
  const { curve, point, id } = factsOf(key)
  return {
    async seal(...parts) {
      const ephemeral = createECDH(curve)
      const sent = Buffer.from(ephemeral.generateKeys('hex', 'compressed'), 'hex')
      const seed = randomBytes(KEY + NONCE + TAG_BYTES)
      const wrapping = await derive(ephemeral.computeSecret(point), sent, ROUNDS, KEY + IV, HASH)
      const wrap = createCipheriv(WRAP, wrapping.subarray(0, KEY), wrapping.subarray(KEY))
      const wrapped = Buffer.concat([wrap.update(seed), wrap.final()])
      const keys = Buffer.concat([Buffer.from([1, ELLIPTIC]), id, sized(sent), sized(wrapped), sized(checkOf(seed))])
      const inside = Buffer.concat([WAY, sized(keys)])
      const cipher = createCipheriv(CONTENT, ...partsOf(seed)).setAAD(seed.subarray(KEY + NONCE))
      const start = Buffer.concat([MAGIC, uint32(AEAD), uint32(PREFIX + inside.length), inside])
      const sealed = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, start.length + TAG_BYTES))
      let end = start.copy(sealed)
      for (const part of parts) {
        for (const piece of slices(part, PIECE)) {
          if (end > PIECE) await turn()
          end += cipher.update(piece).copy(sealed, end)
        }
      }
      cipher.final()
      cipher.getAuthTag().copy(sealed, end)
      return sealed
    },
  }
}

/** Octets that {@link isSealedLetter} looks at. */
export const SEALED_MARK_BYTES = MARK.length

/** @param start of a file of a mailbox, {@link SEALED_MARK_BYTES} of it or more */
export function isSealedLetter(start: Uint8Array): boolean {
  return MARK.equals(start.subarray(0, MARK.length))
}

/** A letter of this size is sealed at once, as most are. */
const PIECE = 512 * 1024

/**
 * Opens a letter as {@link MailboxPublicKey.seal} closed it.
 * @param key the private one of the mailboxes
 * @throws SealFault when it is no such letter, another key's, cut off or altered
 */
export function openLetter(key: KeyObject, sealed: Buffer): Buffer {
  try {
    return opened(key, sealed)
  } catch (cause) {
    if (cause instanceof SealFault) throw cause
    throw new SealFault('a letter was altered, or is cut off', { cause })
  }
}

function opened(key: KeyObject, sealed: Buffer): Buffer {
  if (!sealed.subarray(0, MAGIC.length).equals(MAGIC)) throw new SealFault('these octets are no sealed letter')
  const end = sealed.readUInt32BE(PREFIX - 4)
  const read = reader(sealed.subarray(PREFIX, end))
  if (sealed.readUInt32BE(MAGIC.length) !== AEAD || !read(WAY.length).equals(WAY)) throw new SealFault('a letter is sealed in another way')
  const { curve, id } = factsOf(key)
  const field = reader(read())
  if (!field(2).equals(Buffer.from([1, ELLIPTIC])) || !field(DIGEST).equals(id)) throw new SealFault('a letter is sealed for another key')
  const [sent, wrapped, check] = [field(), field(), field()]
  const ecdh = createECDH(curve)
  ecdh.setPrivateKey(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  const wrapping = pbkdf2Sync(ecdh.computeSecret(sent), sent, ROUNDS, KEY + IV, HASH)
  const unwrap = createDecipheriv(WRAP, wrapping.subarray(0, KEY), wrapping.subarray(KEY))
  const seed = Buffer.concat([unwrap.update(wrapped), unwrap.final()])
  if (!checkOf(seed).equals(check)) throw new SealFault('the key of a letter was altered')
  const decipher = createDecipheriv(CONTENT, ...partsOf(seed), { authTagLength: TAG_BYTES }).setAAD(seed.subarray(KEY + NONCE))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(end, -TAG_BYTES)), decipher.final()])
}

/** @returns takes so many octets; without a number, as many as the four octets before them say */
function reader(bytes: Buffer): (count?: number) => Buffer {
  let at = 0
  const take = (count: number) => {
    if (at + count > bytes.length) throw new RangeError('past the end')
    at += count
    return bytes.subarray(at - count, at)
  }
  return count => take(count ?? take(4).readUInt32BE())
}

/** The point is compressed in the key that is hashed to its name, whatever it was in the file. */
function factsOf(key: KeyObject): { curve: string; point: Buffer; id: Buffer } {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? ''
  const parameters = CURVES[curve]
  if (key.asymmetricKeyType !== 'ec' || !parameters) throw new Error('a key of the mailboxes is on one of the curves P-256, P-384 or P-521')
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const whole = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  const point = ECDH.convertKey(whole, curve, undefined, undefined, 'compressed') as Buffer
  const info = sequence(algorithm('1.2.840.10045.2.1', oid(parameters)), value(TAG.bitString, Buffer.from([0]), point))
  return { curve, point, id: hash(HASH, info, 'buffer') }
}

function partsOf(seed: Buffer): [key: Buffer, nonce: Buffer] {
  return [seed.subarray(0, KEY), seed.subarray(KEY, KEY + NONCE)]
}

function checkOf(seed: Buffer): Buffer {
  const step = Buffer.alloc(DIGEST + 4)
  hash(HASH, seed, 'buffer').copy(step)
  for (let round = 1; round <= ROUNDS; round++) {
    step.writeUInt32BE(round, DIGEST)
    hash(HASH, step, 'buffer').copy(step)
  }
  return step.subarray(0, DIGEST)
}

function sized(octets: Buffer): Buffer {
  return Buffer.concat([uint32(octets.length), octets])
}

function uint32(number: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(number)
  return octets
}
