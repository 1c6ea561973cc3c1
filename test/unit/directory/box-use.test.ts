import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { type BoxUses, boxUseMigrations, openBoxUses, type Signs } from '../../../directory/index.ts'

const BOX = 'camille.fictif@beta.mssante.example'
const OTHER = 'chirurgie@beta.mssante.example'
const DAY = 86_400_000
const NOW = Date.parse('2026-03-02T05:00:00Z')

let folder: string
let db: Database
let uses: BoxUses
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-use-'))
  db = await openDatabase({ file: join(folder, 'pli.db'), migrations: boxUseMigrations })
  uses = openBoxUses(db, { now: () => NOW })
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const see = (signs: Signs, address = BOX) => uses.see(new Map([[address, signs]]))
const use = async (address = BOX) => (await uses.of([address])).get(address)
const stale = async (before = NOW - 30 * DAY) => (await uses.stale(before)).map(({ address, why }) => [address, why])

test('each sign keeps its latest time, in whichever order they come', async () => {
  await see({ receivedAt: NOW, acknowledgedAt: NOW + 5 })
  await see({ receivedAt: NOW - DAY })
  await see({ acknowledgedAt: NOW - DAY, refusedAt: NOW - 2 * DAY })
  expect(await use()).toEqual({ address: BOX, purposes: [], receivedAt: NOW, acknowledgedAt: NOW + 5, refusedAt: NOW - 2 * DAY })
})

test('what was never seen nor said is not known', async () => {
  await see({ receivedAt: NOW })
  expect(await uses.of([OTHER])).toEqual(new Map())
  expect(await uses.of([])).toEqual(new Map())
})

test('a box is for what was said last', async () => {
  await uses.say(BOX, ['results', 'referrals', 'results'], 'operator')
  expect((await use())?.purposes).toEqual(['referrals', 'results'])
  await uses.say(BOX, ['secretariat'], 'operator')
  expect((await use())?.purposes).toEqual(['secretariat'])
  await uses.say(BOX, [], 'operator')
  expect(await use()).toBeUndefined()
})

test('a box that takes messages for a month without a sign of reading is stale, from the first one on', async () => {
  await see({ receivedAt: NOW - 40 * DAY })
  await see({ receivedAt: NOW - DAY })
  expect((await use())?.unreadSince).toBe(NOW - 40 * DAY)
  expect(await stale()).toEqual([[BOX, 'unread']])
})

test('one acknowledgement makes it fresh, and the next message starts the count', async () => {
  await see({ receivedAt: NOW - 40 * DAY })
  await see({ acknowledgedAt: NOW - 39 * DAY })
  expect(await stale()).toEqual([])
  await see({ receivedAt: NOW - 38 * DAY })
  expect((await use())?.unreadSince).toBe(NOW - 38 * DAY)
  expect(await stale()).toEqual([[BOX, 'unread']])
  await see({ receivedAt: NOW - 40 * DAY }) // told once more
  expect((await use())?.unreadSince).toBe(NOW - 38 * DAY)
})

test('a box whose operator refuses it is stale until it takes a message again', async () => {
  await see({ receivedAt: NOW - 3 * DAY, acknowledgedAt: NOW - 3 * DAY })
  await see({ refusedAt: NOW - 2 * DAY })
  await see({ refusedAt: NOW - 2 * DAY }, OTHER)
  expect(await stale()).toEqual([
    [BOX, 'refuses'],
    [OTHER, 'refuses'],
  ])
  await see({ receivedAt: NOW - DAY, acknowledgedAt: NOW - DAY })
  expect(await stale()).toEqual([[OTHER, 'refuses']])
})
