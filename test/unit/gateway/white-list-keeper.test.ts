import { beforeEach, describe, expect, test } from 'vitest'
import type { Log } from '../../../config/index.ts'
import { type UpdateResult, type UpdateState, WhiteListFault } from '../../../directory/index.ts'
import { openWhiteListKeeper, type WhiteListKeeper } from '../../../gateway/white-list-keeper.ts'

/** The schedule and the alarm, with a clock of ours. The download itself: test/unit/directory/white-list-update.test.ts. */
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.parse('2026-03-02T05:00:00Z')

let now: number
let state: UpdateState | undefined
let downloads: number[]
let answer: () => UpdateResult
let outcomes: (string | undefined)[]
let lines: { event: string; detail: object }[]
let list: { generatedAt: Date; refreshed: number; refresh(): Promise<boolean> }
let keeper: WhiteListKeeper

const log: Log = {
  debug() {},
  info: (event, detail = {}) => lines.push({ event, detail }),
  warn: (event, detail = {}) => lines.push({ event, detail }),
  error: (event, detail = {}) => lines.push({ event, detail }),
  flush: done => done(),
}

beforeEach(() => {
  now = START
  state = undefined
  downloads = []
  lines = []
  outcomes = []
  answer = () => ({ kind: 'unchanged' })
  list = {
    generatedAt: new Date(START),
    refreshed: 0,
    async refresh() {
      this.refreshed += 1
      return true
    },
  }
  keeper = open()
})

function open(update = true, { writes = true } = {}): WhiteListKeeper {
  const download = async () => {
    downloads.push(now)
    try {
      const result = answer()
      state = { checkedAt: now }
      return result
    } catch (error) {
      if (writes) state = { checkedAt: now, fault: (error as WhiteListFault).reason }
      throw error
    }
  }
  return openWhiteListKeeper({
    list,
    update: update ? download : undefined,
    lastUpdate: async () => state,
    onOutcome: fault => outcomes.push(fault?.reason),
    refresh: DAY,
    maxAge: 3 * DAY,
    now: () => now,
    log,
  })
}

/** Time goes by, a look every half minute or so. */
async function pass(milliseconds: number, step = 10 * MINUTE): Promise<void> {
  for (const end = now + milliseconds; now < end; now += step) {
    keeper.tick()
    await keeper.idle()
  }
}

describe('the schedule', () => {
  test('asks at once when nobody ever asked, then once a day', async () => {
    await pass(3 * DAY)
    expect(downloads.map(at => (at - START) / DAY)).toEqual([0, 1, 2])
  })

  test('counts what another process, or this one before a restart, has asked', async () => {
    state = { checkedAt: START - 10 * HOUR }
    await pass(DAY)
    expect(downloads.map(at => (at - START) / HOUR)).toEqual([14])
  })

  test('asks again within the hour when there was no answer', async () => {
    answer = () => {
      throw new WhiteListFault('unreachable', 'The server of the white list cannot be reached (ECONNREFUSED)')
    }
    await pass(2 * HOUR)
    expect(downloads.length).toBe(2)
    expect(outcomes).toEqual(['unreachable', 'unreachable'])
    expect(lines).toEqual([1, 2].map(() => ({ event: 'white-list-update-failed', detail: { reason: 'unreachable', detail: undefined } })))
  })

  test('waits for the next day when the list was refused: the publisher has to mend it', async () => {
    answer = () => {
      throw new WhiteListFault('older', 'The white list is older than the one in use')
    }
    await pass(DAY)
    expect(downloads.length).toBe(1)
    expect(lines[0]).toMatchObject({ event: 'white-list-update-failed', detail: { reason: 'older' } })
    expect(list.refreshed).toBe(0)
  })

  test('puts a new list in use, and says so', async () => {
    answer = () => ({ kind: 'updated', entries: 7, generatedAt: new Date(START) })
    keeper.tick()
    await keeper.idle()
    expect(list.refreshed).toBe(1)
    expect(outcomes).toEqual([undefined])
    expect(lines).toEqual([{ event: 'white-list-updated', detail: { entries: 7, generated: '2026-03-02T05:00:00.000Z' } }])
  })

  test('goes on after the clock was set back', async () => {
    now = START + 365 * DAY
    await pass(HOUR)
    now = START
    await pass(HOUR)
    expect(downloads.filter(at => at < START + DAY)).toHaveLength(1)
  })

  test('asks once an hour at most when nothing can be written down', async () => {
    answer = () => {
      throw new WhiteListFault('unwritable', 'The white list cannot be written (ENOSPC)')
    }
    keeper = open(true, { writes: false })
    await pass(3 * HOUR)
    expect(downloads.length).toBe(3)
  })

  test('has one download under way, whatever the number of looks', async () => {
    keeper.tick()
    keeper.tick()
    keeper.tick()
    await keeper.idle()
    expect(downloads.length).toBe(1)
  })

  test('asks nobody when no address is configured', async () => {
    keeper = open(false)
    await pass(2 * DAY)
    expect(downloads).toEqual([])
  })

  test('a fault of ours is told and does not end the schedule', async () => {
    answer = () => {
      throw new TypeError('a bug')
    }
    await pass(DAY + HOUR)
    expect(lines[0]).toMatchObject({ event: 'white-list-update-failed', detail: { reason: 'internal' } })
    expect(downloads.length).toBe(2)
  })
})

describe('the alarm', () => {
  const alarms = () => lines.filter(({ event }) => event === 'white-list-old')

  test('is silent as long as the list is young enough', async () => {
    await pass(3 * DAY)
    expect(alarms()).toEqual([])
  })

  test('says once a day that the list is old, and falls silent with the next list', async () => {
    await pass(3 * DAY)
    await pass(2 * DAY + HOUR)
    expect(alarms()).toEqual([3, 4, 5].map(days => ({ event: 'white-list-old', detail: { generated: '2026-03-02T05:00:00.000Z', days } })))
    list.generatedAt = new Date(now)
    await pass(2 * DAY)
    expect(alarms().length).toBe(3)
  })

  test('is raised again after the clock was set back', async () => {
    keeper = open(false)
    now += 365 * DAY
    keeper.tick()
    now -= 300 * DAY
    keeper.tick()
    expect(alarms().length).toBe(2)
  })

  test('is raised without a download as well', async () => {
    keeper = open(false)
    now += 4 * DAY
    keeper.tick()
    expect(alarms().length).toBe(1)
  })
})
