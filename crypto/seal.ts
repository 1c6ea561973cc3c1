import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** What is sealed, and where it lies. Both are bound to the bytes: opened anywhere else, they stay closed. */
export interface SealPlace {
  /** of the key: two purposes never share one, e.g. `dmp description` */
  purpose: string
  /** of these bytes, e.g. the id of their row */
  context: string
}

const VERSION = 1
const NONCE = 12
const TAG = 16
const HEAD = 1 + NONCE

/**
 * Seals a few bytes that are to lie in a row: AES-256-GCM under a key derived from a secret (HKDF-SHA256, RFC 5869).
 * @param secret 32 octets or more, kept beside the database and not in it
 * @returns version (1), nonce (12), tag (16), ciphertext; another each time
 */
export function sealBlob(secret: Uint8Array, place: SealPlace, bytes: Uint8Array): Buffer {
  return sealedWith(randomBytes(NONCE), secret, place, bytes)
}

/**
 * As {@link sealBlob}, but the same bytes are sealed alike each time, so that rows can be looked up by them: the nonce comes of the bytes
 * themselves under a key of its own (as in SIV, RFC 5297). Who sees the rows sees which are equal, and no more.
 */
export function sealLookup(secret: Uint8Array, place: SealPlace, bytes: Uint8Array): Buffer {
  const nonce = createHmac('sha256', keyFor(secret, { ...place, purpose: `nonce of ${place.purpose}` }))
    .update(`${place.context}\0`)
    .update(bytes)
    .digest()
  return sealedWith(nonce.subarray(0, NONCE), secret, place, bytes)
}

function sealedWith(nonce: Buffer, secret: Uint8Array, place: SealPlace, bytes: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', keyFor(secret, place), nonce, { authTagLength: TAG }).setAAD(Buffer.from(place.context))
  const body = Buffer.concat([cipher.update(bytes), cipher.final()])
  return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), body])
}

/** @returns what was sealed; undefined when it was altered, or belongs to another secret, purpose or context */
export function openBlob(secret: Uint8Array, place: SealPlace, sealed: Uint8Array): Buffer | undefined {
  if (sealed[0] !== VERSION || sealed.length < HEAD + TAG) return undefined
  const decipher = createDecipheriv('aes-256-gcm', keyFor(secret, place), sealed.subarray(1, HEAD), { authTagLength: TAG })
  decipher.setAAD(Buffer.from(place.context)).setAuthTag(sealed.subarray(HEAD, HEAD + TAG))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(HEAD + TAG)), decipher.final()])
  } catch {
    return undefined
  }
}

function keyFor(secret: Uint8Array, { purpose }: SealPlace): Buffer {
  if (secret.length < 32) throw new Error('a secret of 32 octets at least is needed to seal')
  return Buffer.from(hkdfSync('sha256', secret, '', `pli ${purpose}`, 32))
}
