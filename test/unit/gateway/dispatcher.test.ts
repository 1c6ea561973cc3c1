import { expect, test } from 'vitest'
import { silent } from '../../../config/index.ts'
import type { Courier } from '../../../gateway/couriers/courier.ts'
import { openDispatcher } from '../../../gateway/dispatcher.ts'
import type { Leg, Outcome } from '../../../gateway/spool/index.ts'
import { until } from '../../support/until.ts'
import { openSpoolWorld, RELAYED, type SpoolWorld } from './spool-world.ts'

/** A courier that does what the test says and remembers whom it carried. */
function courier(deliver: (leg: Leg) => Promise<Outcome> | Outcome): Courier & { carried: string[] } {
  const carried: string[] = []
  return {
    carried,
    deliver: async leg => {
      carried.push(leg.address)
      return deliver(leg)
    },
    close: async () => {},
  }
}

function open(world: SpoolWorld, relay: Courier, mailbox: Courier = courier(() => ({ kind: 'final', reply: 'stored' }))) {
  return openDispatcher({
    spool: world.spool,
    settlement: world.settlementOf(world.spool),
    reports: { absorb: async () => undefined },
    postmaster: 'postmaster@a.mssante.test',
    relay,
    mailbox,
    domains: ['a.mssante.test'],
    now: () => world.now,
    log: silent,
  })
}

const to = (local: string, domain: string) => ({ address: `${local}@${domain}`, domain })
const relays = async (world: SpoolWorld) =>
  (await world.db.run<{ relay: string }>({ sql: 'SELECT relay FROM recipient ORDER BY message_id, position', parameters: [] })).map(
    ({ relay }) => relay,
  )

test('each recipient goes to its courier: ours to its mailbox, the others to their operators', async () => {
  await using world = await openSpoolWorld()
  const [relay, mailbox] = [courier(() => RELAYED), courier(() => ({ kind: 'final', reply: 'stored' }))]
  await world.accept({ sender: '', recipients: [to('x', 'a.mssante.test'), to('y', 'b.mssante.test'), to('z', 'c.mssante.test')] })
  const dispatcher = open(world, relay, mailbox)
  dispatcher.ring()
  await until('all sent', async () => (await relays(world)).every(state => state === 'sent'))
  await dispatcher.stop()
  expect(mailbox.carried).toEqual(['x@a.mssante.test'])
  expect(relay.carried.sort()).toEqual(['y@b.mssante.test', 'z@c.mssante.test'])
})

test('a domain that is down is found out once, and delays no other', async () => {
  await using world = await openSpoolWorld()
  const relay = courier(leg =>
    leg.domain === 'down.mssante.test' ? { kind: 'deferred', status: '4.4.1', diagnostic: 'nobody is there', everyone: true } : RELAYED,
  )
  await world.accept({ sender: '', recipients: Array.from({ length: 100 }, (_, index) => to(`r${index}`, 'down.mssante.test')) })
  await world.accept({ sender: '', recipients: [to('x', 'b.mssante.test')] })
  const dispatcher = open(world, relay)
  dispatcher.ring()
  await until('the other is sent', async () => (await relays(world)).includes('sent'))
  await until('all have an answer', async () => !(await relays(world)).includes('sending'))
  await dispatcher.stop()
  const rows = await world.db.run<{ attempts: number }>({
    sql: "SELECT DISTINCT attempts FROM recipient WHERE domain = 'down.mssante.test'",
    parameters: [],
  })
  expect(rows).toEqual([{ attempts: 1 }])
  // As many as were under way at once, not one connection for each of the hundred.
  expect(relay.carried.filter(address => address.endsWith('down.mssante.test')).length).toBeLessThan(50)
})

test('a domain that hangs keeps no place from our own mailboxes, nor from other operators', async () => {
  await using world = await openSpoolWorld()
  let release = () => {}
  const hanging = new Promise<void>(resolve => {
    release = resolve
  })
  const relay = courier(async leg => {
    if (leg.domain === 'hangs.mssante.test') await hanging
    return RELAYED
  })
  await world.accept({ sender: '', recipients: Array.from({ length: 300 }, (_, index) => to(`r${index}`, 'hangs.mssante.test')) })
  await world.accept({ sender: '', recipients: [to('x', 'a.mssante.test'), to('y', 'b.mssante.test')] })
  const dispatcher = open(world, relay)
  dispatcher.ring()
  await until('both are sent', async () => (await relays(world)).filter(state => state === 'sent').length === 2)
  expect(dispatcher.hasRoom(Array(60).fill('hangs.mssante.test'))).toBe(false)
  expect(dispatcher.hasRoom(['a.mssante.test'])).toBe(true)
  release()
  await dispatcher.stop()
})

test('a courier that throws is a delay, not an end', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept({ sender: '' })
  const dispatcher = open(
    world,
    courier(() => {
      throw new Error('a bug')
    }),
  )
  dispatcher.ring()
  await until('deferred', async () => (await world.recipient(id)).attempts === 1)
  await dispatcher.stop()
  expect(await world.recipient(id)).toMatchObject({ relay: 'queued', status: '4.3.0', diagnostic: 'internal error' })
})

test('bytes that cannot be read are a delay too: the letter is not lost with them', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept({ sender: '' })
  await world.spool.discard({ id } as never)
  const dispatcher = open(
    world,
    courier(() => RELAYED),
  )
  dispatcher.ring()
  await until('deferred', async () => (await world.recipient(id)).attempts === 1)
  await dispatcher.stop()
  expect(await world.recipient(id)).toMatchObject({ relay: 'queued', status: '4.3.0', diagnostic: 'spool: ENOENT' })
})

test('a stop ends what is under way and starts nothing more', async () => {
  await using world = await openSpoolWorld()
  await world.accept({ sender: '', recipients: Array.from({ length: 60 }, (_, index) => to(`r${index}`, 'b.mssante.test')) })
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const relay = courier(async () => {
    await held
    return RELAYED
  })
  const dispatcher = open(world, relay)
  dispatcher.ring()
  await until('some are under way', () => relay.carried.length >= 20)
  const stopped = dispatcher.stop()
  release()
  await stopped
  expect(relay.carried).toHaveLength(20)
  const states = await relays(world)
  expect(states.filter(state => state === 'sent')).toHaveLength(20)
  expect(states.filter(state => state === 'sending')).toHaveLength(40) // the owner gives them back as it leaves
})
