import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dataKey } from '../../../gateway/data-key.ts'
import { newVault } from '../../support/vault.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'pli-patient-key-'))

test('the key is made once, for its owner alone', () => {
  const data = folder()
  const vault = newVault()
  const key = dataKey(data, 'patients', vault)
  expect(key).toHaveLength(32)
  expect(dataKey(data, 'patients', vault)).toEqual(key)
  expect(readFileSync(join(data, 'patients.key')).includes(key)).toBe(false)
  expect(statSync(join(data, 'patients.key')).mode & 0o777).toBe(0o600)
})

test.each([0, 31])('a file of %i octets, left by a crash, is no key', length => {
  const data = folder()
  writeFileSync(join(data, 'patients.key'), Buffer.alloc(length))
  expect(() => dataKey(data, 'patients', newVault())).toThrow('does not hold the key')
  expect(readFileSync(join(data, 'patients.key'))).toHaveLength(length)
})

test('without its master key it is not replaced, but asked for', () => {
  const data = folder()
  dataKey(data, 'patients', newVault())
  expect(() => dataKey(data, 'patients', newVault())).toThrow(/master key [0-9a-f]{8} is not among those configured/)
})

test('a sealed file that holds no key is no key', () => {
  const data = folder()
  const vault = newVault()
  writeFileSync(join(data, 'patients.key'), vault.seal('patients.key', Buffer.alloc(31)))
  expect(() => dataKey(data, 'patients', vault)).toThrow('does not hold a key')
})
