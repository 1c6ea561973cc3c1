import { expect, test } from 'vitest'
import { directoryAge, openAgeAlarm } from '../../../directory/index.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const importedAt = new Date('2026-03-02T05:00:00Z')
const generatedAt = new Date('2026-03-01T19:00:00Z')

test('the age counts from the publisher, or from the import when the publisher is silent', () => {
  const now = importedAt.getTime() + HOUR
  expect(directoryAge({ importedAt, generatedAt }, now)).toBe(11 * HOUR)
  expect(directoryAge({ importedAt, generatedAt: undefined }, now)).toBe(HOUR)
})

test('an old directory is told at once, then once a day until a new one comes', () => {
  const told: [at: number, age: number][] = []
  let directory = { importedAt, generatedAt }
  let now = generatedAt.getTime()
  const start = now
  const dated = {
    get importedAt() {
      return directory.importedAt
    },
    get generatedAt() {
      return directory.generatedAt
    },
  }
  const look = openAgeAlarm({ directory: dated, maxAge: 2 * DAY, now: () => now, onOld: age => told.push([now - start, age]) })
  const lookEveryHourUntil = (end: number) => {
    for (; now - start <= end; now += HOUR) look()
  }
  lookEveryHourUntil(2 * DAY)
  expect(told).toEqual([])
  lookEveryHourUntil(4 * DAY)
  expect(told).toEqual([
    [2 * DAY + HOUR, 2 * DAY + HOUR],
    [3 * DAY + HOUR, 3 * DAY + HOUR],
  ])
  directory = { importedAt: new Date(now), generatedAt: new Date(now - HOUR) }
  const renewedAt = now - start
  lookEveryHourUntil(renewedAt + DAY)
  expect(told).toHaveLength(2)
  lookEveryHourUntil(renewedAt + 2 * DAY)
  expect(told).toHaveLength(3)
})

test('a clock that was set back does not silence the alarm', () => {
  let told = 0
  let now = importedAt.getTime() + 365 * DAY
  const look = openAgeAlarm({ directory: { importedAt, generatedAt }, maxAge: 2 * DAY, now: () => now, onOld: () => told++ })
  look()
  now -= 300 * DAY
  look()
  expect(told).toBe(2)
})
