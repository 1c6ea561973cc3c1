import { expect, test } from 'vitest'
import { Breaker } from '../../../dmp-bridge/breaker.ts'
import { retryDelay, TIMING } from '../../../dmp-bridge/timing.ts'

test('the breaker opens after some failures in a row, lets one probe through at a time, and closes when the DMP answers', () => {
  const breaker = new Breaker({ after: 3, probeMs: 1000 })
  breaker.failed(0, false)
  breaker.failed(0, false)
  expect(breaker.allows(0, 2)).toBe(true)
  breaker.failed(0, false)
  expect(breaker.isOpen).toBe(true)
  expect(breaker.allows(999, 0)).toBe(false)
  expect(breaker.allows(1000, 0)).toBe(true)
  expect(breaker.allows(1000, 1)).toBe(false)
  breaker.answered()
  expect(breaker.allows(0, 3)).toBe(true)
})

test('probes become rarer, up to eight times the first wait', () => {
  const breaker = new Breaker({ after: 1, probeMs: 1000 })
  const waits = Array.from({ length: 6 }, () => {
    breaker.failed(0, false)
    return breaker.nextAt(0)
  })
  expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000])
})

test('a clock that is set back makes no wait longer', () => {
  const breaker = new Breaker({ after: 1, probeMs: 1000 })
  const [day, earlier] = [86_400_000, 3_600_000]
  breaker.failed(day, false)
  expect(breaker.allows(day, 0)).toBe(false)
  expect(breaker.allows(day - earlier, 0)).toBe(true)
  breaker.failed(day - earlier, false)
  expect(breaker.allows(day - earlier, 0)).toBe(false)
  expect(breaker.nextAt(day - earlier)).toBe(day - earlier + 2000)
})

test('a success in between starts the count anew, a failure of the set-up opens at once', () => {
  const breaker = new Breaker({ after: 3, probeMs: 1000 })
  breaker.failed(0, false)
  breaker.failed(0, false)
  breaker.answered()
  breaker.failed(0, false)
  expect(breaker.isOpen).toBe(false)
  breaker.failed(0, true)
  expect(breaker.isOpen).toBe(true)
})

test('attempts wait from half a minute to an hour', () => {
  expect([1, 2, 8, 9, 500].map(attempts => retryDelay(TIMING, attempts))).toEqual([30_000, 60_000, 3_600_000, 3_600_000, 3_600_000])
})
