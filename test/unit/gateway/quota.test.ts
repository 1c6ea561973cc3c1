import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mailboxCourier } from '../../../gateway/couriers/mailbox.ts'
import { openQuota, type Quota } from '../../../gateway/couriers/quota.ts'
import type { Leg } from '../../../gateway/spool/index.ts'
import { newMailboxKeys } from '../../support/vault.ts'

const ADDRESS = 'secretariat@alpha.mssante.example'

let folder: string
let now: number
let asked: number
let most: number | undefined
let quota: Quota

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-quota-'))
  now = Date.parse('2026-11-20T08:00:00Z')
  asked = 0
  most = 1_000
  quota = openQuota({
    folder,
    now: () => now,
    quotaOf: async () => {
      asked++
      return most
    },
  })
})

afterEach(() => rmSync(folder, { recursive: true }))

function put(part: string, name: string, size: number): string {
  const path = join(folder, 'alpha.mssante.example', 'secretariat', part)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, name), Buffer.alloc(size))
  return join(path, name)
}

test('letters count in new, in cur and in folders; what is being written does not', async () => {
  expect(await quota.usedBytes(ADDRESS)).toBe(0)
  put('new', '1.a', 100)
  put('cur', '2.b:2,S', 30)
  put('.Sent/cur', '3.c:2,S', 5)
  put('tmp', '4.d', 500)
  expect(await quota.usedBytes(ADDRESS)).toBe(135)
})

test('there is room for what fits exactly, and for no octet more', async () => {
  put('new', '1.a', 400)
  expect(await quota.hasRoom(ADDRESS, 600)).toBe(true)
  expect(await quota.hasRoom(ADDRESS, 601)).toBe(false)
  expect(await quota.hasRoom(ADDRESS, 0)).toBe(true)
  put('new', '2.b', 600)
  now += 30_000
  expect(await quota.hasRoom(ADDRESS, 0)).toBe(false)
})

test('a box without a quota has room for anything', async () => {
  most = undefined
  put('new', '1.a', 4_000)
  expect(await quota.hasRoom(ADDRESS, 1e12)).toBe(true)
})

test('of two letters at once only one gets the room that is left', async () => {
  put('new', '1.a', 400)
  expect(await Promise.all([quota.take(ADDRESS, 350), quota.take(ADDRESS, 350)])).toEqual([true, false])
  expect(asked).toBe(1)
})

test('a measure is taken again after half a minute: room that was made is seen, and a new quota', async () => {
  const letter = put('cur', '1.a', 900)
  expect(await quota.take(ADDRESS, 200)).toBe(false)
  unlinkSync(letter)
  now += 29_999
  expect(await quota.take(ADDRESS, 200)).toBe(false)
  now += 1
  expect(await quota.take(ADDRESS, 200)).toBe(true)
  most = 10
  now += 30_000
  expect(await quota.hasRoom(ADDRESS, 11)).toBe(false)
})

test('a box that cannot be measured has no room for certain, and is tried again', async () => {
  const domain = join(folder, 'alpha.mssante.example')
  mkdirSync(domain)
  symlinkSync('secretariat', join(domain, 'secretariat')) // to itself
  await expect(quota.hasRoom(ADDRESS, 1)).rejects.toThrow('ELOOP')
  unlinkSync(join(domain, 'secretariat'))
  expect(await quota.hasRoom(ADDRESS, 1)).toBe(true)
})

test('the courier defers what does not fit, and stores it once there is room', async () => {
  const courier = mailboxCourier({ folder, key: newMailboxKeys().publicKey, hostname: 'smtp.alpha.mssante.example', quota })
  const leg = { message_id: '0123', position: 0, address: ADDRESS, sender: 'a@beta.mssante.example', accepted_at: now, attempts: 0 } as Leg
  const full = put('cur', '1.a', 950)
  expect(await courier.deliver(leg, Buffer.alloc(200))).toEqual({
    kind: 'deferred',
    status: '4.2.2',
    diagnostic: 'mailbox: over its quota',
  })
  expect(readdirSync(join(folder, 'alpha.mssante.example/secretariat/new'))).toEqual([])
  unlinkSync(full)
  now += 30_000
  expect(await courier.deliver({ ...leg, attempts: 1 }, Buffer.alloc(200))).toMatchObject({ kind: 'final' })
  const delivered = await quota.usedBytes(ADDRESS)
  expect(delivered).toBeGreaterThan(200)
  // Repeated after a crash: it is there, and takes no room twice.
  most = delivered
  now += 30_000
  expect(await courier.deliver({ ...leg, attempts: 2 }, Buffer.alloc(200))).toMatchObject({ kind: 'final' })
  expect(readdirSync(join(folder, 'alpha.mssante.example/secretariat/new'))).toHaveLength(1)
})
