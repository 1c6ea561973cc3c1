import { createHash, pbkdf2Sync } from 'node:crypto'

export type HashName = keyof typeof HASH_LENGTHS

/** Octets of a digest, and of the block that the hash works on (FIPS 180-4). */
export const HASH_LENGTHS = {
  sha1: { digest: 20, block: 64 },
  sha224: { digest: 28, block: 64 },
  sha256: { digest: 32, block: 64 },
  sha384: { digest: 48, block: 128 },
  sha512: { digest: 64, block: 128 },
} as const

/** Rounds of hashing that one file may cost in all: three keys of 600,000 iterations, some seconds at most. */
const MOST_ROUNDS = 2_000_000

/** What a file says of one key. `iterations` is not trusted. */
export interface Derivation {
  hash: HashName
  salt: Buffer
  iterations: number
  /** octets wanted */
  length: number
}

/** RFC 7292 appendix B.3. */
const PURPOSE = { key: 1, iv: 2, mac: 3 } as const

/**
 * Derives the keys of one PKCS#12 file. Counts are added up before anything is derived, so a file that asks for years of work is refused at once.
 * @returns both functions throw Error when the rounds of all keys together pass the limit
 */
export function deriverOf(passphrase: string) {
  let left = MOST_ROUNDS
  const spend = ({ hash, salt, iterations, length }: Derivation) => {
    if (iterations < 1 || salt.length === 0) throw new Error('a key of the file is derived without iterations or without salt')
    left -= iterations * Math.ceil(length / HASH_LENGTHS[hash].digest)
    if (left < 0) throw new Error(`the iteration counts of the file add up to more than ${MOST_ROUNDS} rounds`)
  }
  return {
    /** RFC 7292 appendix B.2. */
    pkcs12(purpose: keyof typeof PURPOSE, derivation: Derivation): Buffer {
      spend(derivation)
      return pkcs12Key(bmpString(passphrase), PURPOSE[purpose], derivation)
    },
    /** RFC 8018 §5.2, with the passphrase in UTF-8. */
    pbkdf2(derivation: Derivation): Buffer {
      spend(derivation)
      const { hash, salt, iterations, length } = derivation
      return pbkdf2Sync(Buffer.from(passphrase, 'utf8'), salt, iterations, length, hash)
    },
  }
}

export type Deriver = ReturnType<typeof deriverOf>

/** RFC 7292 appendix B.1: UTF-16 big-endian and two octets of zero. */
function bmpString(passphrase: string): Buffer {
  return Buffer.from(`${passphrase}\0`, 'utf16le').swap16()
}

function pkcs12Key(passphrase: Buffer, purpose: number, { hash, salt, iterations, length }: Derivation): Buffer {
  const { digest, block } = HASH_LENGTHS[hash]
  const filled = (bytes: Buffer) => Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes)
  const diversifier = Buffer.alloc(block, purpose)
  const input = Buffer.concat([filled(salt), filled(passphrase)])
  const parts: Buffer[] = []
  for (let got = 0; got < length; got += digest) {
    let part: Buffer = Buffer.concat([diversifier, input])
    for (let round = 0; round < iterations; round++) part = createHash(hash).update(part).digest()
    parts.push(part)
    addToBlocks(input, Buffer.alloc(block, part))
  }
  return Buffer.concat(parts).subarray(0, length)
}

/** Step 6C: each block of the input becomes (itself + addend + 1) mod 2^(8·block). */
function addToBlocks(input: Buffer, addend: Buffer): void {
  for (let start = 0; start < input.length; start += addend.length) {
    let carry = 1
    for (let at = addend.length - 1; at >= 0; at--) {
      carry += input[start + at]! + addend[at]!
      input[start + at] = carry & 0xff
      carry >>= 8
    }
  }
}
