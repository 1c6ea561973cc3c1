import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { patientKey } from '../../../gateway/filing.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'pli-patient-key-'))

test('the key is made once, for its owner alone', () => {
  const data = folder()
  const key = patientKey(data)
  expect(key).toHaveLength(32)
  expect(patientKey(data)).toEqual(key)
  expect(statSync(join(data, 'patients.key')).mode & 0o777).toBe(0o600)
})

test.each([0, 31])('a file of %i octets, left by a crash, is no key', length => {
  const data = folder()
  writeFileSync(join(data, 'patients.key'), Buffer.alloc(length))
  expect(() => patientKey(data)).toThrow('does not hold a key')
  expect(readFileSync(join(data, 'patients.key'))).toHaveLength(length)
})
