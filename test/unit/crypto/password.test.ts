import { expect, test } from 'vitest'
import { hashPassword, verifyPassword } from '../../../crypto/index.ts'

test('a password is hashed with argon2id at the recommended cost, each time with another salt', async () => {
  const [first, second] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
  expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(first).not.toBe(second)
})

test('only the password itself is accepted', async () => {
  const encoded = await hashPassword('mot de passe é')
  expect(await verifyPassword(encoded, 'mot de passe é')).toBe(true)
  expect(await verifyPassword(encoded, 'mot de passe e')).toBe(false)
  expect(await verifyPassword(encoded, '')).toBe(false)
})

test('a hash that cannot be read accepts nothing', async () => {
  expect(await verifyPassword('', '')).toBe(false)
  expect(await verifyPassword('$argon2id$nonsense', 'x')).toBe(false)
})

test('a burst is answered whole', async () => {
  const encoded = await hashPassword('x')
  const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => verifyPassword(encoded, index % 2 ? 'x' : 'y')))
  expect(answers).toEqual(Array.from({ length: 12 }, (_, index) => index % 2 === 1))
})
