import { expect, test } from 'vitest'
import { table } from '../../bench/dmp.ts'

test('a document is the sum of its steps, and stands beside its bare operations', () => {
  const lines = table({ recognise: 10, decide: 1, sign: 6, build: 3, sha1: 1, base64: 1, rsa: 2 }, 1000).split('\n')
  expect(lines[0]).toMatch(/: 50 documents a second for each core, 250 of bare operations$/)
  expect(lines[2]).toMatch(/^ +20\.00 +5\.00 {2}a document$/)
  expect(lines[4]).toMatch(/^ +1\.00 +0\.25 {4}decide/)
})
