import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { redisBell } from '../../dmp-bridge/redis-bell.ts'
import { startRedis } from '../support/redis.ts'
import { has } from '../support/tools.ts'
import { freePort } from '../world/ports.ts'

const failOn = (error: Error) => {
  throw error
}

describe.skipIf(!has('redis-server'))('the bell of several machines', () => {
  test('one machine rings, another one hears', async () => {
    await using redis = await startRedis(await freePort())
    const [here, there] = [redisBell({ url: redis.url, onFault: failOn }), redisBell({ url: redis.url, onFault: failOn })]
    const heard = new Promise<void>(resolve => there.listen(resolve))
    here.ring()
    await heard
    await Promise.all([here.close(), there.close()])
  })

  test('a thousand rings that nobody hears leave one job, which says nothing', async () => {
    await using redis = await startRedis(await freePort())
    const bell = redisBell({ url: redis.url, onFault: failOn })
    const client = new Redis(redis.url)
    for (let count = 0; count < 1_000; count += 1) bell.ring()
    await expect.poll(() => client.llen('pli:pli-filing:wait'), { timeout: 40_000 }).toBe(1)
    expect(await client.hget('pli:pli-filing:ring', 'data')).toBe('{}')
    await bell.close()
    expect(await client.llen('pli:pli-filing:wait')).toBe(1)
    client.disconnect()
  })

  test('without Redis a process hears its own rings, and says once that it is away', async () => {
    const faults: Error[] = []
    let tell = () => {}
    const told = new Promise<void>(resolve => {
      tell = resolve
    })
    const bell = redisBell({
      url: `redis://127.0.0.1:${await freePort()}`,
      onFault: error => {
        faults.push(error)
        tell()
      },
    })
    let heard = 0
    bell.listen(() => {
      heard += 1
    })
    bell.ring()
    bell.ring()
    expect(heard).toBe(2)
    await told
    bell.ring()
    await bell.close()
    expect(faults).toHaveLength(1)
  })

  test('rings are heard again once Redis is back', async () => {
    const port = await freePort()
    const before = await startRedis(port)
    let away = () => {}
    const isAway = new Promise<void>(resolve => {
      away = resolve
    })
    const [here, there] = [redisBell({ url: before.url, onFault: () => away() }), redisBell({ url: before.url, onFault: () => {} })]
    let heard = 0
    there.listen(() => {
      heard += 1
    })
    here.ring()
    await expect.poll(() => heard, { timeout: 40_000 }).toBe(1)
    await before[Symbol.asyncDispose]()
    await isAway
    await using _after = await startRedis(port)
    await expect
      .poll(
        () => {
          here.ring()
          return heard
        },
        { timeout: 40_000 },
      )
      .toBeGreaterThan(1)
    await Promise.all([here.close(), there.close()])
  })
})
