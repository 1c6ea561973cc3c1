import { expect, test } from 'vitest'
import { openBlob, sealBlob } from '../../../crypto/index.ts'

const secret = Buffer.alloc(32, 7)
const place = { purpose: 'test', context: 'row-1' }
const bytes = Buffer.from('quelques octets')

test('what is sealed opens where it lies, and is another blob each time', () => {
  const sealed = sealBlob(secret, place, bytes)
  expect(openBlob(secret, place, sealed)).toEqual(bytes)
  expect(sealed.includes(bytes)).toBe(false)
  expect(sealBlob(secret, place, bytes).equals(sealed)).toBe(false)
  expect(openBlob(secret, place, sealBlob(secret, place, Buffer.alloc(0)))).toEqual(Buffer.alloc(0))
})

test('it opens nowhere else', () => {
  const sealed = sealBlob(secret, place, bytes)
  expect(openBlob(Buffer.alloc(32, 8), place, sealed)).toBeUndefined()
  expect(openBlob(secret, { ...place, context: 'row-2' }, sealed)).toBeUndefined()
  expect(openBlob(secret, { ...place, purpose: 'other' }, sealed)).toBeUndefined()
})

test('an altered or shortened blob stays closed', () => {
  const sealed = sealBlob(secret, place, bytes)
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed)
    altered[at]! ^= 1
    expect(openBlob(secret, place, altered)).toBeUndefined()
    expect(openBlob(secret, place, sealed.subarray(0, at))).toBeUndefined()
  }
})

test('a short secret seals nothing', () => {
  expect(() => sealBlob(Buffer.alloc(16), place, bytes)).toThrow('32 octets')
})
