import { expect, test } from 'vitest'
import { randomOctets } from '../../../crypto/random.ts'

test('the supply of random octets hands out none twice, across its fillings', () => {
  const drawn = Array.from({ length: 2000 }, () => randomOctets(32))
  expect(new Set(drawn.map(octets => octets.toString('hex'))).size).toBe(drawn.length)
  const ones = drawn.flatMap(octets => [...octets]).reduce((sum, octet) => sum + octet, 0)
  expect(ones / (drawn.length * 32)).toBeCloseTo(127.5, -1)
})

test('what was drawn stays as it is, and is nobody else’s memory', () => {
  const first = randomOctets(16)
  const copy = Buffer.from(first)
  first.fill(0)
  const next = randomOctets(16)
  expect(next.equals(first)).toBe(false)
  expect(copy.equals(next)).toBe(false)
  expect(first.buffer).not.toBe(next.buffer)
})
