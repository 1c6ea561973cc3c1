import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextAttempt } from '../../../gateway/spool/index.ts'
import { DAY, HOUR, MINUTE, RETRY } from './spool-world.ts'

const at = (attempts: number, now: number, random = 0) => nextAttempt(RETRY, { acceptedAt: 0, attempts }, now, random)

test.each([
  [1, 1],
  [2, 2],
  [3, 5],
  [9, 240],
  [10, 240],
  [100, 240],
])('after %d attempts the next one comes in %d minutes', (attempts, minutes) => {
  expect(at(attempts, 0)).toBe(minutes * MINUTE)
})

test('recipients that were deferred together come back within a tenth more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
      const wait = at(attempts, 0, random)!
      expect(wait).toBeGreaterThanOrEqual(at(attempts, 0)!)
      expect(wait).toBeLessThanOrEqual(at(attempts, 0)! * 1.1)
    }),
  )
})

test('the last attempt is made when the time is up, and none after it', () => {
  expect(at(20, 5 * DAY - HOUR)).toBe(5 * DAY)
  expect(at(20, 5 * DAY - 1)).toBe(5 * DAY)
  expect(at(20, 5 * DAY)).toBeUndefined()
  expect(at(1, 6 * DAY)).toBeUndefined()
})
