import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../../config/index.ts'
import { Refusal } from '../../../../gateway/refusals.ts'
import { Buckets } from '../../../../gateway/sign-in/buckets.ts'
import { openFamiliarNetworks, openThrottle, signInMigrations, type Throttle } from '../../../../gateway/sign-in/index.ts'

const DAY = 86_400_000
const MINUTE = 60_000
const DOCTOR = 'dr.fictif@a.mssante.test'
const CABINET = '192.0.2.10'

let folder: string
let db: Database
let clock: number
let throttle: Throttle
/** How often a password was really compared. */
let compared: number

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-throttle-'))
  db = await openDatabase({ file: join(folder, 'pli.sqlite'), migrations: signInMigrations })
  clock = Date.UTC(2026, 10, 22, 8)
  compared = 0
  throttle = opened()
})
afterEach(async () => {
  await db.close()
  await rm(folder, { recursive: true, force: true })
})

function opened(): Throttle {
  const now = () => clock
  return openThrottle({ familiar: openFamiliarNetworks(db, { now }), now })
}

/** @returns what came of an attempt */
async function attempt(address: string, from: string, isRight: boolean): Promise<'in' | 'wrong' | string> {
  const check = async () => {
    compared += 1
    return isRight ? address : undefined
  }
  try {
    return (await throttle.guess({ address, from }, check)) ? 'in' : 'wrong'
  } catch (error) {
    if (error instanceof Refusal) return `${error.code} ${error.status} ${error.message}`
    throw error
  }
}

const right = (address: string, from: string) => attempt(address, from, true)
const wrong = (address: string, from: string) => attempt(address, from, false)

async function times(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index += 1) await work(index)
}

describe('a stranger who guesses', () => {
  test('is told to wait after five failures, and then even the right password waits', async () => {
    await times(5, async () => expect(await wrong(DOCTOR, '203.0.113.1')).toBe('wrong'))
    const refused = '454 4.7.0 Too many failed sign-ins from your network: wait 180 seconds'
    expect(await wrong(DOCTOR, '203.0.113.1')).toBe(refused)
    expect(await right(DOCTOR, '203.0.113.1')).toBe(refused)
    expect(compared).toBe(5)
    clock += 3 * MINUTE
    expect(await wrong(DOCTOR, '203.0.113.1')).toBe('wrong')
    expect(await wrong(DOCTOR, '203.0.113.1')).toBe(refused)
  })

  test('does not lock the doctor out: not where he works, nor where he comes for the first time', async () => {
    expect(await right(DOCTOR, CABINET)).toBe('in')
    await times(6, () => wrong(DOCTOR, '203.0.113.1'))
    expect(await right(DOCTOR, CABINET)).toBe('in')
    expect(await right(DOCTOR, '198.51.100.4')).toBe('in')
  })

  test('does not guess more often with fifty connections at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => wrong(DOCTOR, '203.0.113.1')))
    expect(compared).toBe(5)
    expect(outcomes.filter(outcome => outcome.startsWith('454'))).toHaveLength(45)
  })

  test('has one network in all the addresses of an IPv6 /64', async () => {
    await times(5, index => wrong(DOCTOR, `2001:db8:1:2::${index + 1}`))
    expect(await wrong(DOCTOR, '2001:db8:1:2:ffff::9')).toMatch(/^454 /)
    expect(await wrong(DOCTOR, '2001:db8:1:3::1')).toBe('wrong')
  })

  test('with many networks meets the bound of the box, and its holder is not held up where he has signed in', async () => {
    await right(DOCTOR, CABINET)
    await times(100, index => wrong(DOCTOR, `203.0.113.${Math.floor(index / 4)}`))
    expect(await wrong(DOCTOR, '203.0.113.200')).toMatch(/^454 4\.7\.0 .*: wait 120 seconds$/)
    expect(await right(DOCTOR, CABINET)).toBe('in')
    clock += 2 * MINUTE
    expect(await right(DOCTOR, '203.0.113.201')).toBe('in')
  })

  test('who tries one password on many boxes meets the bound of his network, and a box that is at home there does not', async () => {
    await right(DOCTOR, '203.0.113.1')
    await times(50, async index => expect(await wrong(`dr.${index}@a.mssante.test`, '203.0.113.1')).toBe('wrong'))
    expect(await wrong('dr.autre@a.mssante.test', '203.0.113.1')).toMatch(/^454 4\.7\.0 .*: wait 60 seconds$/)
    expect(await right(DOCTOR, '203.0.113.1')).toBe('in')
  })
})

describe('many guesses at once', () => {
  const long = (minutes: number) => new RegExp(`: wait ${minutes * 60} seconds$`)

  test('at a familiar network, on a hundred connections, are no more than one after the other, and hold its owner up no longer', async () => {
    await right(DOCTOR, CABINET)
    await Promise.all(Array.from({ length: 100 }, () => wrong(DOCTOR, CABINET)))
    expect(compared).toBe(1 + 20)
    clock += MINUTE / 2
    expect(await right(DOCTOR, CABINET)).toBe('in')
  })

  test('from the thousand networks of one IPv6 prefix do not close a box for longer than one guess too many', async () => {
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => wrong(DOCTOR, `2001:db8:0:${index.toString(16)}::1`)))
    expect(compared).toBe(100)
    expect(await right(DOCTOR, '198.51.100.4')).toMatch(long(2))
    clock += 2 * MINUTE
    expect(await right(DOCTOR, '198.51.100.4')).toBe('in')
  })

  test('at many boxes from one network do not close it for longer than one guess too many', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => wrong(`dr.${index}@a.mssante.test`, '203.0.113.1')))
    expect(compared).toBe(50)
    expect(await right(DOCTOR, '203.0.113.1')).toMatch(long(1))
  })
})

test('an old password on a telephone at the practice holds its owner up for half a minute at most', async () => {
  await right(DOCTOR, CABINET)
  await times(20, async () => expect(await wrong(DOCTOR, CABINET)).toBe('wrong'))
  expect(await right(DOCTOR, CABINET)).toMatch(/: wait 30 seconds$/)
  clock += MINUTE / 2
  expect(await right(DOCTOR, CABINET)).toBe('in')
  await times(20, async () => expect(await wrong(DOCTOR, CABINET)).toBe('wrong')) // what was right has cleared it
})

test('many connections at once with the right password all get in, at a new network too', async () => {
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => right(DOCTOR, CABINET)))
  expect(new Set(outcomes)).toEqual(new Set(['in']))
})

test('what can not be checked counts nothing', async () => {
  const broken = () => throttle.guess({ address: DOCTOR, from: CABINET }, () => Promise.reject(new Error('the disk is gone')))
  await times(10, async () => expect(await broken().catch(error => error.message)).toBe('the disk is gone'))
  expect(await right(DOCTOR, CABINET)).toBe('in')
})

describe('the networks where a box has signed in', () => {
  test('are known after a restart, and for ninety days', async () => {
    await right(DOCTOR, CABINET)
    const isKnown = async () => openFamiliarNetworks(db, { now: () => clock }).has(DOCTOR, CABINET)
    clock += 89 * DAY
    expect(await isKnown()).toBe(true)
    clock += DAY
    expect(await isKnown()).toBe(false)
  })

  test('are those of this box only', async () => {
    await right(DOCTOR, CABINET)
    throttle = opened()
    await times(6, () => wrong('dr.autre@a.mssante.test', CABINET))
    expect(await right('dr.autre@a.mssante.test', CABINET)).toMatch(/^454 /)
    expect(await right(DOCTOR, CABINET)).toBe('in')
  })

  test('are the latest thirty', async () => {
    const known = openFamiliarNetworks(db, { now: () => clock })
    await times(31, async index => {
      clock += MINUTE
      await known.saw(DOCTOR, `192.0.2.${index}`)
    })
    const fresh = openFamiliarNetworks(db, { now: () => clock })
    expect(await fresh.has(DOCTOR, '192.0.2.0')).toBe(false)
    expect(await fresh.has(DOCTOR, '192.0.2.1')).toBe(true)
    expect(await fresh.has(DOCTOR, '192.0.2.30')).toBe(true)
  })

  test('are written once a day', async () => {
    await right(DOCTOR, CABINET)
    const at = async () => (await db.run<{ last_at: number }>({ sql: 'SELECT last_at FROM sign_in_network', parameters: [] }))[0]?.last_at
    const first = await at()
    clock += DAY - 1
    await right(DOCTOR, CABINET)
    expect(await at()).toBe(first)
    clock += 1
    await right(DOCTOR, CABINET)
    expect(await at()).toBe(clock)
  })
})

describe('tokens and certificates', () => {
  const proof = (from: string, reason?: 'tokenNotGenuine' | 'tokenExpired') =>
    throttle
      .proof({ address: DOCTOR, from }, async () => {
        if (reason) throw new Refusal(reason)
        return { address: DOCTOR }
      })
      .then(
        () => 'in',
        (error: Refusal) => error.reason,
      )

  test('that are forged close the network to strangers after a hundred', async () => {
    await proof(CABINET)
    await times(100, async () => expect(await proof('203.0.113.1', 'tokenNotGenuine')).toBe('tokenNotGenuine'))
    expect(await proof('203.0.113.1')).toBe('signInThrottled')
    expect(await proof(CABINET)).toBe('in')
    clock += 10_000
    expect(await proof('203.0.113.1')).toBe('in')
  })

  test('that have expired count nothing, and make no guess of a password', async () => {
    await times(150, async () => expect(await proof('203.0.113.1', 'tokenExpired')).toBe('tokenExpired'))
    expect(await proof('203.0.113.1')).toBe('in')
    await times(100, () => proof('203.0.113.2', 'tokenNotGenuine'))
    expect(await right(DOCTOR, '203.0.113.2')).toBe('in')
  })
})

test('a person’s box sends three hundred messages at once, then one every ten seconds; a service’s box thousands', () => {
  const send = (type: 'PER' | 'APP') => {
    throttle.maySend({ address: DOCTOR, type })
    throttle.sent({ address: DOCTOR, type })
  }
  for (let count = 0; count < 300; count += 1) send('PER')
  expect(() => send('PER')).toThrow('This mailbox sends too many messages, send the others later: wait 10 seconds')
  clock += 10_000
  send('PER')
  expect(() => send('PER')).toThrow(Refusal)
  for (let count = 0; count < 5_000; count += 1) send('APP')
})

test('a network holds a hundred connections at a door, and gets back those that end', () => {
  const open = (from: string) => throttle.connection('submission', from)
  const releases = Array.from({ length: 100 }, (_, index) => open(`2001:db8:1:2::${index.toString(16)}`))
  expect(releases).not.toContain(undefined)
  expect(open('2001:db8:1:2::ffff')).toBe(undefined)
  expect(open('2001:db8:1:3::1')).toBeTypeOf('function')
  expect(throttle.connection('submissions', '2001:db8:1:2::1')).toBeTypeOf('function')
  releases[0]?.()
  expect(open('2001:db8:1:2::ffff')).toBeTypeOf('function')
  expect(open('2001:db8:1:2::ffff')).toBe(undefined)
})

test('whatever strangers send, so many keys are remembered and no more: the one untouched for longest is forgotten', () => {
  const buckets = new Buckets({ most: 1, forgivenEvery: 1_000 }, () => clock, 3)
  for (const key of ['a', 'b', 'c', 'a', 'd']) buckets.add(key)
  expect(buckets.size).toBe(3)
  expect(['a', 'b', 'c', 'd'].map(key => buckets.wait(key))).toEqual([2_000, 0, 1_000, 1_000])
})
