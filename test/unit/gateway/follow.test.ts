import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { follow } from '../../../gateway/follow.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-follow-'))
const [one, other] = [join(folder, 'one'), join(folder, 'other')]
afterAll(() => rmSync(folder, { recursive: true }))

let calls: number
let look: () => void
beforeEach(() => {
  writeFileSync(one, '1')
  writeFileSync(other, '1')
  calls = 0
  look = follow([one, other], () => {
    calls += 1
  })
})

test('files that did not change are left alone', () => {
  look()
  look()
  expect(calls).toBe(0)
})

test('a file that was rewritten or replaced is seen once', () => {
  writeFileSync(one, '22')
  look()
  look()
  expect(calls).toBe(1)
  writeFileSync(`${other}.new`, '1')
  renameSync(`${other}.new`, other)
  look()
  look()
  expect(calls).toBe(2)
})

test('a file that is away changes nothing yet, and breaks nothing; when it is back it is read', () => {
  rmSync(one)
  expect(look).not.toThrow()
  expect(calls).toBe(0)
  writeFileSync(one, '333')
  look()
  expect(calls).toBe(1)
})

test('what fails on a change is not tried again until the next one', () => {
  const failing = follow([one], () => {
    calls += 1
    throw new Error('half written')
  })
  writeFileSync(one, '22')
  expect(failing).toThrow('half written')
  failing()
  expect(calls).toBe(1)
})
