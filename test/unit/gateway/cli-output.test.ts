import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { amount, sentenceOf } from '../../../gateway/cli/output.ts'
import { pliHere } from '../../support/cli-here.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-output-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)

test.each<[string, () => unknown, string]>([
  ['that is not there', () => readFileSync(path('gone')), `${path('gone')}: there is no such file or folder`],
  ['that is a folder', () => writeFileSync(folder, ''), `${folder}: it is a folder`],
  [
    'that is there already',
    () => writeFileSync(written(), '', { flag: 'wx' }),
    `${path('there')}: it is there already, and is left as it is`,
  ],
  ['below a file', () => readFileSync(join(written(), 'gone')), `${path('there/gone')}: a part of this path is no folder`],
])('a file %s is told in words', (_, work, sentence) => {
  expect(sentenceOf(thrownBy(work))).toBe(sentence)
})

test('what is said in words already stays as it is', () => {
  expect(sentenceOf(new Error('no message of that id'))).toBe('no message of that id')
  expect(sentenceOf(Object.assign(new Error('connect ENOENT'), { code: 'ENOENT' }))).toBe('connect ENOENT')
})

test('one is one, and all others are several', () => {
  expect([0, 1, 2].map(count => amount(count, 'line'))).toEqual(['0 lines', '1 line', '2 lines'])
})

function written(): string {
  writeFileSync(path('there'), '')
  return path('there')
}

function thrownBy(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

test.each(['nonsense', 'constructor'])('%s is no command', async name => {
  expect(await pliHere(name)).toEqual({ status: 2, stdout: '', stderr: `error: unknown command '${name}'\n` })
})
