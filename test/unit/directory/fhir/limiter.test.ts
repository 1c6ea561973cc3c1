import { expect, test } from 'vitest'
import { Busy, openLimiter } from '../../../../directory/fhir/limiter.ts'

/** A clock that a test moves; what was to happen until then happens in its order. */
function clock() {
  let at = 0
  let timers: { due: number; wake: () => void }[] = []
  const settle = () => new Promise<void>(resolve => setImmediate(resolve))
  return {
    now: () => at,
    after: (ms: number, wake: () => void) => {
      const timer = { due: at + ms, wake }
      timers.push(timer)
      return () => {
        timers = timers.filter(one => one !== timer)
      }
    },
    async moveTo(end: number) {
      await settle()
      for (;;) {
        const next = timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0]
        if (!next) break
        at = next.due
        timers = timers.filter(one => one !== next)
        next.wake()
        await settle()
      }
      at = end
    },
  }
}

/** The most that fell into any one second. */
function busiestSecond(times: readonly number[]): number {
  return Math.max(...times.map(start => times.filter(time => time >= start && time < start + 1000).length))
}

test('17 calls start at once, the eighteenth exactly a second after the first ended', async () => {
  const time = clock()
  const limiter = openLimiter(time)
  const started: number[] = []
  const all = Array.from({ length: 40 }, () => limiter.run(async () => started.push(time.now())))
  await time.moveTo(0)
  expect(started.length).toBe(17)
  await time.moveTo(999)
  expect(started.length).toBe(17)
  await time.moveTo(1000)
  expect(started.length).toBe(34)
  await time.moveTo(2000)
  await Promise.all(all)
  expect(started.filter(at => at === 2000).length).toBe(6)
  expect(busiestSecond(started)).toBe(17)
})

test('however long the calls take, no second of the service holds more than 17 of them', async () => {
  const time = clock()
  const limiter = openLimiter(time)
  const arrivals: number[] = []
  let seed = 7
  const random = (most: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % most
  }
  const calls = Array.from({ length: 120 }, () =>
    limiter.run(async () => {
      const way = random(400)
      await new Promise<void>(resolve => time.after(way, resolve))
      arrivals.push(time.now()) // when the service sees it: somewhere between its start and its end
      await new Promise<void>(resolve => time.after(random(100), resolve))
    }),
  )
  await time.moveTo(60_000)
  await Promise.all(calls)
  expect(arrivals.length).toBe(120)
  expect(busiestSecond(arrivals)).toBeLessThanOrEqual(17)
})

test('who waits in an SMTP dialogue goes first, and takes the place of a publication when the queue is full', async () => {
  const time = clock()
  const limiter = openLimiter({ ...time, perSecond: 1, waiting: 2 })
  const order: string[] = []
  const run = (name: string, urgent: boolean) => limiter.run(async () => void order.push(name), { urgent })
  const first = run('first', false)
  const early = run('early publication', false)
  const late = run('late publication', false)
  const asked = run('look-up', true)
  await expect(late).rejects.toThrow(Busy)
  await expect(run('too much', false)).rejects.toThrow(Busy)
  await time.moveTo(5000)
  await Promise.all([first, early, asked])
  expect(order).toEqual(['first', 'look-up', 'early publication'])
})

test('the queue is bounded, and waiting ends with the patience of the caller', async () => {
  const time = clock()
  const limiter = openLimiter({ ...time, perSecond: 1, waiting: 1 })
  await limiter.run(async () => {})
  const patience = new AbortController()
  let called = false
  const waiting = limiter.run(
    async () => {
      called = true
    },
    { urgent: true, signal: patience.signal },
  )
  await expect(limiter.run(async () => {}, { urgent: true })).rejects.toThrow(Busy)
  patience.abort()
  await expect(waiting).rejects.toThrow(Busy)
  const next = limiter.run(async () => 'its place is free', { urgent: true })
  await time.moveTo(1000)
  expect(await next).toBe('its place is free')
  expect(called).toBe(false)
})

test('a failed call counts as one, and a rest that the service asks for is kept', async () => {
  const time = clock()
  const limiter = openLimiter({ ...time, perSecond: 1 })
  await expect(
    limiter.run(async () => {
      limiter.rest(3000)
      throw new Error('429')
    }),
  ).rejects.toThrow('429')
  let at = 0
  const next = limiter.run(async () => {
    at = time.now()
  })
  await time.moveTo(10_000)
  await next
  expect(at).toBe(3000)
})

test('closed, it lets nobody wait', async () => {
  const time = clock()
  const limiter = openLimiter({ ...time, perSecond: 1 })
  await limiter.run(async () => {})
  const waiting = limiter.run(async () => {})
  limiter.close()
  await expect(waiting).rejects.toThrow(Busy)
  await expect(limiter.run(async () => {})).rejects.toThrow(Busy)
})
