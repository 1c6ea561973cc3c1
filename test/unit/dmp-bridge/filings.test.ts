import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { bridgeMigrations, type FilingState, MOVES } from '../../../dmp-bridge/filing-tables.ts'
import { inboxRow, type NewFiling, openFilings } from '../../../dmp-bridge/filings/index.ts'
import { openOrders } from '../../../dmp-bridge/orders.ts'
import { openPace } from '../../../dmp-bridge/pace.ts'
import { openPatients } from '../../../dmp-bridge/patients.ts'
import { TIMING } from '../../../dmp-bridge/timing.ts'

let db: Database
let time = 1_000_000
const now = () => time
const sender = { address: 'dr.fictif@a.mssante.test', structures: [], declared: true }
const filings = (owner = 'one') => openFilings(db, { owner, now, leaseMs: 1000 })

beforeEach(async () => {
  time = 1_000_000
  db = await openDatabase({ file: join(mkdtempSync(join(tmpdir(), 'pli-filings-')), 'pli.sqlite'), migrations: bridgeMigrations })
})
afterEach(() => db.close())

const pending = (id: string, uniqueId = `1.2.${id}`, place = 1): NewFiling => ({
  ...{ id, place, sha256: `hash-${id}`, uniqueId, state: 'pending', reasons: [], dueAt: time },
})

async function accept(messageId: string, ...documents: NewFiling[]): Promise<void> {
  await db.run(inboxRow({ id: messageId, sender, acceptedAt: time }))
  const [message] = await filings().claimMessages(1)
  await filings().plan(message!, documents)
}

test('every state that may be reached has a way to it, and deleted and ignored are ends', () => {
  const states: FilingState[] = ['pending', 'held', 'filed', 'refused', 'ignored', 'deleting', 'deleted']
  for (const state of states) expect(Object.values(MOVES).some(to => (to as readonly string[]).includes(state))).toBe(true)
  expect([MOVES.deleted, MOVES.ignored]).toEqual([[], []])
})

test('a message is claimed by one reader only, and a claim that ran out is anybody’s', async () => {
  await db.run(inboxRow({ id: 'm1', sender, acceptedAt: time }))
  expect(await filings('one').claimMessages(5)).toHaveLength(1)
  expect(await filings('two').claimMessages(5)).toHaveLength(0)
  time += 1000
  expect(await filings('two').claimMessages(5)).toMatchObject([{ message_id: 'm1', claimed_by: 'two', faults: 2 }])
})

test('one document of two messages can be pending once only', async () => {
  await accept('m1', pending('a', '1.2.3'))
  await db.run(inboxRow({ id: 'm2', sender, acceptedAt: time }))
  const [second] = await filings().claimMessages(1)
  await expect(filings().plan(second!, [pending('b', '1.2.3')])).rejects.toThrow()
  expect(await filings().knownAs(['1.2.3'])).toHaveLength(1)
  expect((await filings().message('m2'))?.state).toBe('unread')
})

test('the due documents of a message are claimed together, by one worker only; one that failed goes alone', async () => {
  await accept('m1', pending('a', '1.2.1', 1), pending('b', '1.2.2', 2), pending('c', '1.2.3', 3))
  await accept('m2', pending('d', '1.2.4', 1))
  const [one, two] = await Promise.all([filings('one').claimDue(10), filings('two').claimDue(10)])
  const claims = [one, two].map(each => each.map(({ id }) => id).join(''))
  expect(claims.filter(each => each !== '').every(each => each === 'abc' || each === 'd')).toBe(true)
  expect(new Set(claims).size).toBe(2)
  time += 1000
  expect(await filings('three').claimDue(10)).toHaveLength(1) // after a crash each goes by itself
})

test('a claim takes no more than it is told, in the order of the message', async () => {
  await accept('m1', pending('c', '1.2.3', 3), pending('b', '1.2.2', 2), pending('a', '1.2.1', 1))
  const claimed = await filings().claimDue(2)
  expect(claimed.map(({ id }) => id)).toEqual(['a', 'b'])
  await filings().goAlone(claimed[0]!, { code: 'XDSRepositoryError', unsure: true })
  await filings().putBack(claimed[1]!)
  expect((await filings('two').claimDue(2)).map(({ id }) => id)).toEqual(['a'])
  expect((await filings('two').claimDue(2)).map(({ id }) => id)).toEqual(['b', 'c'])
})

test('what a dead owner held is free at once, what a live one holds is not', async () => {
  await accept('m1', pending('a'))
  await filings('dead').claimDue()
  expect(await filings('two').claimDue()).toEqual([])
  expect(await filings('two').releaseDead(owner => owner === 'dead')).toBe(0)
  expect(await filings('two').releaseDead(() => false)).toBe(1)
  expect(await filings('two').claimDue()).toMatchObject([{ id: 'a', faults: 2 }])
})

test('a filing whose claim was lost is not settled by its former owner', async () => {
  await accept('m1', pending('a'))
  const [former] = await filings('one').claimDue()
  time += 1000
  const [present] = await filings('two').claimDue()
  expect(await filings('one').settle(former!, 'refused', { code: 'late' })).toBe(false)
  expect(await filings('two').settle(present!, 'filed', {})).toBe(true)
  expect(await filings('two').settle(present!, 'refused', {})).toBe(false)
})

test('a claim is renewed only by its owner, and only while the filing waits', async () => {
  await accept('m1', pending('a'))
  const [former] = await filings('one').claimDue()
  expect(await filings('one').renew([former!], '1750000001')).toHaveLength(1)
  time += 1000
  expect(await filings('two').renew([former!], '1750000001')).toEqual([])
  expect(await openOrders(db, { now }).hold('a', { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'held' })
  expect(await filings('one').renew([former!], '1750000001')).toEqual([])
})

test('a deferred filing comes back when it is due, with its attempt counted', async () => {
  await accept('m1', pending('a'))
  const [filing] = await filings().claimDue()
  await filings().defer(filing!, { code: 'timeout', nextAttemptAt: time + 30_000, doubts: 0 })
  expect(await filings().claimDue()).toEqual([])
  time += 30_000
  expect(await filings().claimDue()).toMatchObject([{ attempts: 1, code: 'timeout', faults: 1 }])
})

test('a message is finished when every document is settled and told; refused ones keep it a while', async () => {
  await accept('m1', pending('a', '1.2.1', 1), pending('b', '1.2.2', 2))
  const tell = async () => {
    for (const each of await filings().untold({ messageId: 'm1' })) await filings().told(each)
  }
  const settle = async (to: 'filed' | 'refused') => filings().settle((await filings().claimDue())[0]!, to, {})
  await settle('filed')
  await settle('refused')
  expect(await filings().finishedMessages(time)).toEqual([])
  await tell()
  expect(await filings().finishedMessages(time - 1)).toEqual([])
  expect(await filings().finishedMessages(time)).toEqual(['m1'])
  await filings().markReleased('m1')
  expect(await filings().finishedMessages(time)).toEqual([])
})

test('five turns a second for one structure, over all processes', async () => {
  const [one, two] = [openPace(db, { structure: 's', perSecond: 5, now }), openPace(db, { structure: 's', perSecond: 5, now })]
  const other = openPace(db, { structure: 't', perSecond: 5, now })
  let taken = 0
  for (const end = time + 1000; time < end; time += 10) {
    if ((await one()).taken) taken++
    if ((await two()).taken) taken++
  }
  expect(taken).toBe(5)
  expect((await other()).taken).toBe(true)
})

test('a database that fails at the start stops the pace for that turn only', async () => {
  let fails = true
  const run = (query: never) => (fails ? Promise.reject(new Error('busy')) : db.run(query))
  const flaky: Database = { ...db, run: run as Database['run'] }
  const pace = openPace(flaky, { structure: 's', perSecond: 5, now })
  await expect(pace()).rejects.toThrow('busy')
  fails = false
  expect(await pace()).toEqual({ taken: true })
})

test('a patient’s DMP is asked for once in its time, and rows hold neither INS nor name', async () => {
  const secret = Buffer.alloc(32, 7)
  const ins = { matricule: '279035121518989', oid: '1.2.250.1.213.1.4.8' }
  const traits = { identities: 1, birthName: 'FICTIVE', firstName: 'ZOÉ', birthDate: '19790301', sex: 'F' }
  let asked = 0
  const ask = async () => {
    asked++
    return { kind: 'status', status: 'active', traits: { ...traits, firstName: 'Zoe Anne' } } as const
  }
  const patients = () => openPatients(db, { secret, now, timing: TIMING })
  expect(await patients().check(ins, traits, ask)).toEqual({ kind: 'status', status: 'active' })
  expect(await patients().check(ins, traits, ask)).toEqual({ kind: 'status', status: 'active' }) // another process: from the table
  expect(asked).toBe(1)
  const rows = JSON.stringify(await db.run({ sql: 'SELECT * FROM dmp_status', parameters: [] }))
  for (const secret of ['2790351', 'FICTIVE', 'ZO', '1979']) expect(rows).not.toContain(secret)
  expect(await patients().check(ins, { ...traits, birthDate: '19800301' }, ask)).toEqual({ kind: 'other-traits' })
  expect(asked).toBe(2)
  await patients().forget(ins)
  await patients().check(ins, traits, ask)
  time += TIMING.activeMs
  await patients().check(ins, traits, ask)
  expect(asked).toBe(4)
})

test('traits that the DMP does not confirm are neither believed nor remembered', async () => {
  const ins = { matricule: '279035121518989', oid: '1.2.250.1.213.1.4.8' }
  const traits = { identities: 1, birthName: 'FICTIVE', firstName: 'ZOÉ', birthDate: '19790301', sex: 'F' }
  const patients = openPatients(db, { secret: Buffer.alloc(32, 7), now, timing: TIMING })
  const says =
    (known: object, status: 'active' | 'closed' = 'active') =>
    () =>
      Promise.resolve({ kind: 'status', status, traits: known } as const)
  for (const known of [{}, { birthName: 'FICTIVE' }, { birthDate: '19790301', sex: 'F' }]) {
    expect(await patients.check(ins, traits, says(known))).toEqual({ kind: 'unconfirmed-traits' })
  }
  expect(await db.run({ sql: 'SELECT * FROM dmp_status', parameters: [] })).toEqual([])
  expect(await patients.check(ins, traits, says({}, 'closed'))).toEqual({ kind: 'status', status: 'closed' })
})

test('orders: hold, release, refuse, retry move along the table and say why not', async () => {
  const orders = openOrders(db, { now })
  await accept('m1', pending('a'))
  expect(await orders.retry('nobody', { by: 'cli:test' })).toEqual({ kind: 'no', why: 'unknown-filing' })
  expect(await orders.hold('a', { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'held' })
  expect(await orders.hold('a', { by: 'cli:test' })).toEqual({ kind: 'no', why: 'wrong-state' })
  expect(await orders.release('a', { by: 'cli:test' })).toEqual({ kind: 'done', state: 'pending', rechecked: [] })
  await filings().claimDue()
  expect(await orders.hold('a', { by: 'cli:test' })).toEqual({ kind: 'no', why: 'being-filed' })
  await filings().releaseDead(() => false)
  await orders.hold('a', { by: 'cli:test' })
  expect(await orders.refuse('a', { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'refused' })
  expect(await orders.retry('a', { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'pending' })
  expect(await orders.list({ state: 'pending' })).toMatchObject([{ id: 'a', messageId: 'm1', uniqueId: '1.2.a', attempts: 0 }])
  expect(await orders.list({ state: 'held' })).toEqual([])
})

test('an order that moves a row is recorded with who gave it, one that moves nothing is not', async () => {
  const orders = openOrders(db, { now })
  await accept('m1', pending('a'))
  await orders.hold('a', { by: 'link' })
  time += 1
  await orders.hold('a', { by: 'cli:late' })
  await orders.release('a', { by: 'console:dr.fictif@a.mssante.test' })
  await filings().claimDue()
  await orders.hold('a', { by: 'cli:later' })
  expect(await orders.history('a')).toEqual([
    { order: 'hold', by: 'link', at: 1_000_000 },
    { order: 'release', by: 'console:dr.fictif@a.mssante.test', at: 1_000_001 },
  ])
  expect(await orders.history('b')).toEqual([])
})

test('a released document whose twin was filed meanwhile is not filed again', async () => {
  const orders = openOrders(db, { now })
  await accept('m1', pending('a', '1.2.3'))
  await orders.hold('a', { by: 'cli:test' })
  await accept('m2', { ...pending('b', '1.2.3'), sha256: 'hash-a' })
  expect(await orders.release('a', { by: 'cli:test' })).toEqual({ kind: 'no', why: 'already-pending' })
  await filings().settle((await filings().claimDue())[0]!, 'filed', {})
  expect(await orders.release('a', { by: 'cli:test' })).toMatchObject({ kind: 'done', state: 'refused' })
  expect(await orders.find('a')).toMatchObject({ state: 'refused', reasons: ['already-filed'] })
})

test('a document whose bytes are gone is not tried again', async () => {
  await accept('m1', pending('a'))
  await filings().settle((await filings().claimDue())[0]!, 'refused', { code: 'DMPClosed' })
  for (const each of await filings().untold({ messageId: 'm1' })) await filings().told(each)
  await filings().markReleased('m1')
  expect(await openOrders(db, { now }).retry('a', { by: 'cli:test' })).toEqual({ kind: 'no', why: 'bytes-released' })
})
