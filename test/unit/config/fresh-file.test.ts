import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { freshFile, writeFresh } from '../../../config/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-fresh-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)

test('it is there with all its parts, for its owner alone', () => {
  {
    using file = freshFile(path('whole'))
    file.write('one, ')
    file.write(Buffer.from('two'))
    file.sync()
    file.keep()
  }
  expect(readFileSync(path('whole'), 'utf8')).toBe('one, two')
  expect(statSync(path('whole')).mode & 0o777).toBe(0o600)
})

test('what is there is left as it is', () => {
  writeFileSync(path('there'), 'kept')
  expect(() => writeFresh(path('there'), 'other')).toThrow(expect.objectContaining({ code: 'EEXIST', path: path('there') }))
  expect(readFileSync(path('there'), 'utf8')).toBe('kept')
})

test('nothing is left of what was not written to its end', () => {
  const half = () => {
    using file = freshFile(path('half'))
    file.write('half')
    throw new Error('cut off')
  }
  expect(half).toThrow('cut off')
  expect(existsSync(path('half'))).toBe(false)
  expect(() => writeFresh(path('half'), 1 as never)).toThrow(`${path('half')} could not be written, and nothing of it is left: `)
  expect(existsSync(path('half'))).toBe(false)
})
