import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { type MasterKeys, masterKeyOf } from './master-keys.ts'
import { randomOctets } from './random.ts'

/*
 * A sealed object (all numbers big-endian):
 *   header   "PLI" 0x01 · id of the master key (4) · nonce (12) · data key, AES-256-GCM under the master key (32 + 16)
 *   record   flag and length of what follows (1 + 3) · octets, AES-256-GCM under the data key (length + 16); the last one has flag 1
 * The data key is new for each object, so the nonce of a record is its number. Both layers authenticate the object's name: a file can't
 * stand in for another, and records can be neither moved, dropped nor cut off (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár).
 */
const MAGIC = Buffer.from('PLI\x01', 'latin1')
const CIPHER = 'aes-256-gcm'
const [ID, NONCE, KEY, TAG, PREFIX] = [4, 12, 32, 16, 4]
const HEADER = MAGIC.length + ID + NONCE + KEY + TAG
/** What the three octets of a length can say; larger writes are split. */
const RECORD_BYTES = 0xffffff
const LAST = 1

/** Something sealed that can't be opened: cut off, altered, another's, or under a key that is not there. The message never holds content. */
export class SealFault extends Error {
  override readonly name = 'SealFault'
}

/** Seals one object as its octets come. */
export interface Sealer {
  /** The next octets, sealed; the first call begins with the header. Nothing may follow the last. */
  seal(bytes: Uint8Array, isLast: boolean): Buffer
}

/** Seals what is kept at rest: AES-256-GCM, a key for each object, wrapped by the master key (NIST SP 800-38D). */
export interface Vault {
  /** @param name of the object, needed again to open it: no secret */
  sealer(name: string): Sealer
  /** The whole object at once. */
  seal(name: string, bytes: Uint8Array): Buffer
  /** @throws SealFault */
  open(name: string, sealed: Buffer): Buffer
  /**
   * A large object as it is read: nothing but one record is held, and the loop turns where the reader waits.
   * @param take gives its next octets, so many, or fewer at its end
   * @returns what each record holds. It counts when the last one is there: only then is nothing missing. @throws SealFault
   */
  records(name: string, take: (count: number) => Promise<Buffer>): AsyncGenerator<Buffer>
  /** The same object under the current master key; undefined when it is already. @throws SealFault */
  rewrapped(name: string, sealed: Buffer): Buffer | undefined
  /** @param start the first octets of a sealed object. @returns the id of its master key; undefined when it is none */
  keyIdOf(start: Buffer): string | undefined
  /** @param start as for `keyIdOf`. @returns whether it is under another key than the present one; false for what is no sealed object */
  isUnderAnother(start: Buffer): boolean
}

/** How many octets of a sealed object tell its master key. */
export const SEAL_HEADER_BYTES = HEADER

export function openVault(masters: MasterKeys): Vault {
  function sealer(name: string): Sealer {
    const key = randomOctets(KEY)
    let number = 0
    let ended = false
    return {
      seal(bytes, isLast) {
        if (ended) throw new Error('a sealed object has ended')
        ended = isLast
        // Not before: the key that seals may be another by now, and the one before it may be gone.
        const header = number === 0 ? wrap(masters, name, key) : undefined
        const records = Math.max(1, Math.ceil(bytes.length / RECORD_BYTES))
        const sealed = Buffer.allocUnsafe((header?.length ?? 0) + bytes.length + records * (PREFIX + TAG))
        let end = header?.copy(sealed) ?? 0
        for (let index = 0; index < records; index++) {
          const some = bytes.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES)
          end = writeRecord(sealed, end, { key, name, number: number++, bytes: some, isLast: isLast && index === records - 1 })
        }
        if (isLast) key.fill(0)
        return sealed
      },
    }
  }

  return {
    sealer,
    seal: (name, bytes) => sealer(name).seal(bytes, true),
    open(name, sealed) {
      const key = unwrap(masters, name, sealed)
      const parts: Buffer[] = []
      let at = HEADER
      for (let number = 0, isLast = false; !isLast; number++) {
        const prefix = sealed.subarray(at, at + PREFIX)
        const end = at + PREFIX + lengthAfter(prefix)
        parts.push(opened(key, name, number, prefix, sealed.subarray(at + PREFIX, end)))
        at = end
        isLast = prefix[0] === LAST
      }
      if (at !== sealed.length) throw new SealFault('something follows the end of a sealed object')
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    },
    async *records(name, take) {
      const key = unwrap(masters, name, await take(HEADER))
      for (let number = 0, isLast = false; !isLast; number++) {
        const prefix = await take(PREFIX)
        yield opened(key, name, number, prefix, await take(lengthAfter(prefix)))
        isLast = prefix[0] === LAST
      }
      if ((await take(1)).length > 0) throw new SealFault('something follows the end of a sealed object')
    },
    rewrapped(name, sealed) {
      if (idIn(sealed) === masters.current) return undefined
      return Buffer.concat([wrap(masters, name, unwrap(masters, name, sealed)), sealed.subarray(HEADER)])
    },
    keyIdOf: idIn,
    isUnderAnother: start => ![undefined, masters.current].includes(idIn(start)),
  }
}

function wrap(masters: MasterKeys, name: string, dataKey: Buffer): Buffer {
  const header = Buffer.allocUnsafe(HEADER)
  let end = MAGIC.copy(header)
  end += header.write(masters.current, end, 'hex')
  const start = header.subarray(0, end)
  const nonce = randomOctets(NONCE)
  nonce.copy(header, end)
  const cipher = createCipheriv(CIPHER, masterKeyOf(masters, masters.current), nonce).setAAD(labelled(start, name))
  end += NONCE + cipher.update(dataKey).copy(header, end + NONCE)
  cipher.final()
  cipher.getAuthTag().copy(header, end)
  return header
}

function unwrap(masters: MasterKeys, name: string, sealed: Buffer): Buffer {
  const id = idIn(sealed)
  if (id === undefined) throw new SealFault('these octets are no sealed object')
  const [start, nonce] = [sealed.subarray(0, MAGIC.length + ID), sealed.subarray(MAGIC.length + ID, HEADER - KEY - TAG)]
  const key = masterKey(masters, id)
  return authentic(() => {
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG }).setAAD(labelled(start, name))
    decipher.setAuthTag(sealed.subarray(HEADER - TAG, HEADER))
    return Buffer.concat([decipher.update(sealed.subarray(HEADER - KEY - TAG, HEADER - TAG)), decipher.final()])
  })
}

function masterKey(masters: MasterKeys, id: string): KeyObject {
  try {
    return masterKeyOf(masters, id)
  } catch (cause) {
    throw new SealFault((cause as Error).message, { cause })
  }
}

function idIn(sealed: Buffer): string | undefined {
  if (sealed.length < HEADER || !sealed.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  return sealed.subarray(MAGIC.length, MAGIC.length + ID).toString('hex')
}

interface Record {
  key: Buffer
  name: string
  number: number
  bytes: Uint8Array
  isLast: boolean
}

/** @returns where it ends */
function writeRecord(sealed: Buffer, at: number, { key, name, number, bytes, isLast }: Record): number {
  sealed[at] = isLast ? LAST : 0
  sealed.writeUIntBE(bytes.length, at + 1, 3)
  const start = at + PREFIX
  const cipher = createCipheriv(CIPHER, key, nonceOf(number)).setAAD(labelled(sealed.subarray(at, start), name))
  cipher.update(bytes).copy(sealed, start)
  cipher.final()
  return start + bytes.length + cipher.getAuthTag().copy(sealed, start + bytes.length)
}

/** @returns octets of the record behind its prefix */
function lengthAfter(prefix: Buffer): number {
  if (prefix.length < PREFIX) throw cutOff()
  return prefix.readUIntBE(1, 3) + TAG
}

function opened(key: Buffer, name: string, number: number, prefix: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < lengthAfter(prefix)) throw cutOff()
  return authentic(() => {
    const decipher = createDecipheriv(CIPHER, key, nonceOf(number), { authTagLength: TAG }).setAAD(labelled(prefix, name))
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
    const bytes = decipher.update(sealed.subarray(0, sealed.length - TAG))
    decipher.final()
    return bytes
  })
}

function cutOff(): SealFault {
  return new SealFault('a sealed object is cut off')
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(NONCE)
  nonce.writeUInt32BE(number, NONCE - 4)
  return nonce
}

function labelled(start: Buffer, name: string): Buffer {
  const label = Buffer.allocUnsafe(start.length + Buffer.byteLength(name))
  label.write(name, start.copy(label))
  return label
}

function authentic(work: () => Buffer): Buffer {
  try {
    return work()
  } catch (cause) {
    throw new SealFault('a sealed object was altered, or is another than its name says', { cause })
  }
}
