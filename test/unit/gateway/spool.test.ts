import { expect, test } from 'vitest'
import { LEGS, openOwners, type Receipt, type Relay } from '../../../gateway/spool/index.ts'
import { HOUR, MINUTE, only, openSpoolWorld, type SpoolWorld } from './spool-world.ts'

const RECEIPTS = Object.keys(LEGS.receipt) as Receipt[]
const RELAYS = Object.keys(LEGS.relay) as Relay[]

const put = (world: SpoolWorld, id: string, columns: Record<string, string | null>) =>
  world.db.run({
    sql: `UPDATE recipient SET ${Object.keys(columns)
      .map(name => `${name} = ?`)
      .join(', ')} WHERE message_id = ?`,
    parameters: [...Object.values(columns), id],
  })

test('the receipt moves only along its table, and a move that is none leaves no line', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept()
  for (const from of RECEIPTS) {
    for (const to of RECEIPTS) {
      await put(world, id, { receipt: from })
      const lines = (await world.events(id)).length
      const isAllowed = (LEGS.receipt[from] as readonly Receipt[]).includes(to)
      expect([from, to, await world.spool.moveReceipt(id, 0, to, {})]).toEqual([from, to, isAllowed])
      expect((await world.recipient(id)).receipt).toBe(isAllowed ? to : from)
      expect((await world.events(id)).length).toBe(lines + (isAllowed ? 1 : 0))
    }
  }
})

test('an attempt ends only what is being sent, by the process that sends it', async () => {
  await using world = await openSpoolWorld()
  const { id, legs } = await world.accept({}, { claimed: true })
  const leg = only(legs)
  for (const relay of RELAYS) {
    for (const owner of ['here', 'another', null]) {
      await put(world, id, { relay, claimed_by: owner })
      const isOurs = relay === 'sending' && owner === 'here'
      expect([relay, owner, await world.spool.settle(leg, { relay: 'sent' }, [])]).toEqual([relay, owner, isOurs])
      expect((await world.recipient(id)).relay).toBe(isOurs ? 'sent' : relay)
    }
  }
})

test('only queued recipients that are due are claimed, each by one process', async () => {
  await using world = await openSpoolWorld()
  const ids = await Promise.all(RELAYS.map(async () => (await world.accept()).id))
  for (const [index, relay] of RELAYS.entries()) await put(world, ids[index]!, { relay })
  const later = (await world.accept()).id
  await world.db.run({ sql: 'UPDATE recipient SET due_at = ? WHERE message_id = ?', parameters: [world.now + 1, later] })
  const [mine, theirs] = await Promise.all([world.spool.claimDue(100), world.as('another').claimDue(100)])
  expect([...mine, ...theirs].map(leg => leg.message_id)).toEqual([ids[RELAYS.indexOf('queued')]])
  expect(await world.spool.nextDue()).toBe(world.now + 1)
  world.now += 1
  expect(await world.spool.claimDue(100, { busy: ['b.mssante.test'] })).toEqual([]) // a domain that has enough to do
  expect((await world.spool.claimDue(100)).map(leg => leg.message_id)).toEqual([later])
})

test('messages are accepted whole or not at all', async () => {
  await using world = await openSpoolWorld()
  const draft = world.spool.newDraft()
  await draft.write(Buffer.from('From: <a@b>\r\n\r\n'))
  const envelope = {
    origin: 'submission' as const,
    sender: '',
    eightBit: false,
    utf8: false,
    size: 1,
    sha256: '',
    recipients: [{ address: 'a@b', domain: 'b' }],
  }
  const prepared = await world.spool.prepare(draft, envelope, false)
  await expect(world.spool.accept(prepared, [{ sql: 'INSERT INTO nothing VALUES (1)', parameters: [] }])).rejects.toThrow()
  expect(await world.db.run({ sql: 'SELECT * FROM message', parameters: [] })).toEqual([])
  expect(await world.db.run({ sql: 'SELECT * FROM recipient', parameters: [] })).toEqual([])
})

test('bytes go when nobody needs them any more', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept({}, { toFile: true })
  await put(world, id, { relay: 'sent', receipt: 'awaited' })
  expect(await world.housekeeping.removeDone(10)).toBe(0) // neither receipt nor filing
  await put(world, id, { receipt: 'delivered' })
  expect(await world.housekeeping.removeDone(10)).toBe(0) // the filing
  await world.spool.release(id)
  expect(await world.housekeeping.removeDone(10)).toBe(1)
  expect(await world.housekeeping.removeDone(10)).toBe(0)
  await expect(world.spool.read(id)).rejects.toThrow('ENOENT')
})

test('what a dead process held is free again: one that is gone here, or silent anywhere; never one that lives', async () => {
  await using world = await openSpoolWorld()
  const GONE = 2 ** 22 + 1 // above the largest process number of Linux
  const alive = openOwners({ db: world.db, id: 'alive', now: () => world.now, pid: process.ppid })
  const here = openOwners({ db: world.db, id: 'here', now: () => world.now })
  await openOwners({ db: world.db, id: 'gone', now: () => world.now, pid: GONE }).beat()
  await world.db.run({
    sql: "INSERT INTO owner (id, host, pid, seen_at) VALUES ('elsewhere', 'another-host', 1, ?)",
    parameters: [world.now],
  })
  await Promise.all([alive.beat(), here.beat()])
  const holders = ['here', 'alive', 'gone', 'elsewhere']
  const ids = await Promise.all(holders.map(async () => (await world.accept()).id))
  for (const [index, owner] of holders.entries()) await put(world, ids[index]!, { relay: 'sending', claimed_by: owner })
  const states = () => Promise.all(ids.map(async id => (await world.recipient(id)).relay))

  expect(await here.dead()).toEqual(['gone'])
  expect(await here.releaseRecipients(await here.dead())).toBe(1)
  expect(await states()).toEqual(['sending', 'sending', 'queued', 'sending'])
  expect(await here.isAlive('elsewhere')).toBe(true)

  world.now += 2 * MINUTE
  await Promise.all([alive.beat(), here.beat()])
  expect(await here.dead()).toEqual(expect.arrayContaining(['gone', 'elsewhere']))
  expect(await here.releaseRecipients(['elsewhere'])).toBe(1)
  expect(await states()).toEqual(['sending', 'sending', 'queued', 'queued'])
  await here.leave()
  expect(await states()).toEqual(['queued', 'sending', 'queued', 'queued'])
})

test('a key under which a process that runs still seals is told, until its beat says another or it is dead', async () => {
  await using world = await openSpoolWorld()
  let key = 'old'
  const options = { db: world.db, now: () => world.now, sealsUnder: () => key }
  const running = openOwners({ ...options, id: 'running', pid: process.ppid })
  await openOwners({ ...options, id: 'gone', pid: 2 ** 22 + 1 }).beat()
  await running.beat()
  const asked = openOwners({ db: world.db, id: '', now: () => world.now, pid: 0 })
  expect(await asked.sealingUnder('old')).toBe(1)
  key = 'new'
  expect(await asked.sealingUnder('old')).toBe(1)
  await running.beat()
  expect(await asked.sealingUnder('old')).toBe(0)
  expect(await asked.sealingUnder('new')).toBe(1)
})

test('ledger lines keep their order within one millisecond and when the clock goes back', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept()
  for (const kind of ['a', 'b', 'c']) await world.spool.note(id, kind)
  world.now -= HOUR
  await world.spool.note(id, 'd')
  const rows = await world.db.run<{ kind: string }>({ sql: 'SELECT kind FROM event WHERE message_id = ? ORDER BY seq', parameters: [id] })
  expect(rows.map(({ kind }) => kind)).toEqual(['a', 'b', 'c', 'd'])
})
