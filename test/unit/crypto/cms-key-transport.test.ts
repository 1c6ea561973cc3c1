import { constants, createPublicKey, generateKeyPairSync, publicEncrypt, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { unwrapWithRsa } from '../../../crypto/cms/key-transport.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicKey = createPublicKey(privateKey)
const contentKey = randomBytes(32)
const unwrap = (encrypted: Buffer, length = 32) => unwrapWithRsa(encrypted, privateKey, { transport: 'pkcs1' }, length)

/** The encryption of a block that OpenSSL would not make: 00 02, no zero, 00, the key (RFC 8017 §7.2.1), then changed. */
function encrypted(change: (block: Buffer) => void): Buffer {
  const padding = randomBytes(256 - 3 - contentKey.length).map(octet => octet || 1)
  const block = Buffer.concat([Buffer.from([0, 2]), padding, Buffer.from([0]), contentKey])
  change(block)
  return publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block)
}

describe('a content key in RSA PKCS#1 v1.5', () => {
  test('is found when the padding is right', () => {
    expect(unwrap(publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, contentKey))).toEqual(contentKey)
    expect(unwrap(encrypted(() => {}))).toEqual(contentKey)
  })

  test.each<[string, (block: Buffer) => void]>([
    ['the block does not begin with 00', block => block.writeUInt8(1, 0)],
    ['the block is of another type', block => block.writeUInt8(1, 1)],
    ['nothing ends the padding', block => block.writeUInt8(7, 223)],
    ['the padding ends at its first octet', block => block.writeUInt8(0, 2)],
    ['the padding ends before its last octet', block => block.writeUInt8(0, 222)],
  ])('is another one, always the same, when %s', (_, change) => {
    const wrong = encrypted(change)
    const other = unwrap(wrong)
    expect(other).toHaveLength(32)
    expect(other).not.toEqual(contentKey)
    expect(unwrap(wrong)).toEqual(other)
    expect(unwrap(encrypted(change))).not.toEqual(other)
  })

  test('is another one when the key has another length than its cipher wants', () => {
    const short = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, contentKey.subarray(0, 16))
    expect(unwrap(short)).toHaveLength(32)
    expect(unwrap(short, 16)).toEqual(contentKey.subarray(0, 16))
  })

  test.each([0, 1, 255, 257])('is another one when the ciphertext has %i octets', length => {
    expect(unwrap(Buffer.alloc(length, 0xff))).toHaveLength(32)
  })
})
