import { expect, test } from 'vitest'
import type { Outcome } from '../../../gateway/spool/index.ts'
import { DAY, HOUR, MINUTE, only, openSpoolWorld, RELAYED } from './spool-world.ts'

const DOWN: Outcome = { kind: 'deferred', status: '4.4.1', diagnostic: 'nobody is there', everyone: true }
test('five days of a peer that is down: the whole schedule, one warning, one failure', async () => {
  await using world = await openSpoolWorld()
  const settlement = world.settlementOf(world.spool)
  const start = world.now
  const { id } = await world.accept()
  const attempts: number[] = []
  for (
    let due: number | undefined = world.now;
    due !== undefined;
    due = (await world.recipient(id)).relay === 'queued' ? (await world.recipient(id)).due_at : undefined
  ) {
    world.now = Math.max(due, world.now)
    attempts.push(world.now - start)
    const legs = await world.spool.claimDue(10)
    await settlement.settle(legs.find(leg => leg.message_id === id)!, DOWN)
  }
  const minutes = [0, 1, 3, 8, 18, 38, 78, 138, 258, 498, 738]
  expect(attempts.slice(0, minutes.length)).toEqual(minutes.map(minute => minute * MINUTE))
  expect(attempts.at(-1)).toBe(5 * DAY)
  expect(await world.recipient(id)).toMatchObject({
    relay: 'failed',
    receipt: 'none',
    status: '5.4.7',
    claimed_by: null,
    attempts: attempts.length,
  })
  const reports = await world.reports(id)
  expect(reports.map(({ text }) => /^Action: (.*)\r$/m.exec(text)?.[1])).toEqual(['delayed', 'failed'])
  const events = await world.events(id)
  expect(events.filter(({ kind }) => kind === 'deferred')).toHaveLength(attempts.length - 1)
  // The warning went out with the first attempt that failed four hours after the message was accepted.
  expect(attempts.find(at => at >= 4 * HOUR)).toBe(258 * MINUTE)
})

test('a lost claim changes nothing and sends no report', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept()
  const leg = only(await world.spool.claimDue(10))
  await world.db.run({ sql: "UPDATE recipient SET claimed_by = 'another' WHERE message_id = ?", parameters: [id] })
  const before = await world.recipient(id)
  const settlement = world.settlementOf(world.spool)
  await settlement.settle(leg, { kind: 'failed', status: '5.1.1', diagnostic: 'no such box' })
  await settlement.settle(leg, RELAYED)
  await settlement.settle(leg, { kind: 'final', reply: 'stored' })
  await settlement.settle(leg, DOWN)
  expect(await world.recipient(id)).toEqual(before)
  expect(await world.reports(id)).toEqual([])
  expect(await world.events(id)).toEqual([])
})

const NO_REPORTS = { ...RELAYED, reports: false } as Outcome
test.each<[string, Outcome, string]>([
  ['displayed', NO_REPORTS, 'sent'],
  ['failed', NO_REPORTS, 'sent'],
  ['delivered', RELAYED, 'sent'],
  ['displayed', { kind: 'final', reply: 'stored' }, 'sent'],
  ['delivered', { kind: 'failed', status: '5.1.1', diagnostic: 'no such box' }, 'failed'],
])('a receipt (%s) that is here before its attempt is settled stays', async (receipt, outcome, relay) => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept()
  const leg = only(await world.spool.claimDue(10))
  expect(await world.spool.moveReceipt(id, 0, receipt as 'displayed', {})).toBe(true)
  await world.settlementOf(world.spool).settle(leg, outcome)
  expect(await world.recipient(id)).toMatchObject({ relay, receipt })
})

test('of two processes that carried the same recipient, the one that holds the claim reports, once', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept()
  const mine = only(await world.spool.claimDue(10))
  await world.db.run({ sql: "UPDATE recipient SET relay = 'queued', claimed_by = NULL WHERE message_id = ?", parameters: [id] })
  const other = world.as('another')
  const theirs = only(await other.claimDue(10))
  const failed: Outcome = { kind: 'failed', status: '5.1.1', diagnostic: 'no such box' }
  await Promise.all([world.settlementOf(world.spool).settle(mine, failed), world.settlementOf(other).settle(theirs, failed)])
  expect(await world.reports(id)).toHaveLength(1)
  expect((await world.events(id)).map(({ kind }) => kind)).toEqual(['failed'])
})

test.each<[string | null, Outcome['kind'], string[]]>([
  [null, 'failed', ['failed']],
  [null, 'final', ['delivered']],
  ['NEVER', 'failed', []],
  ['NEVER', 'final', []],
  ['SUCCESS', 'failed', []],
  ['SUCCESS', 'final', ['delivered']],
  ['FAILURE', 'failed', ['failed']],
  ['FAILURE', 'final', []],
  ['FAILURE,DELAY', 'final', []],
])('NOTIFY=%s, %s: reports %j', async (notify, kind, actions) => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept({
    recipients: [{ address: 'dr.autre@b.mssante.test', domain: 'b.mssante.test', ...(notify ? { notify } : {}) }],
  })
  const leg = only(await world.spool.claimDue(10))
  const outcome: Outcome = kind === 'final' ? { kind, reply: 'stored' } : { kind: 'failed', status: '5.1.1', diagnostic: 'no such box' }
  await world.settlementOf(world.spool).settle(leg, outcome)
  expect((await world.reports(id)).map(({ text }) => /^Action: (.*)\r$/m.exec(text)?.[1])).toEqual(actions)
})

test('a report about a report is never written', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept({ origin: 'report', sender: '', report: 'delivery-status' })
  await world
    .settlementOf(world.spool)
    .settle(only(await world.spool.claimDue(10)), { kind: 'failed', status: '5.1.1', diagnostic: 'gone' })
  expect(await world.reports(id)).toEqual([])
  expect(await world.recipient(id)).toMatchObject({ relay: 'failed' })
})

test('a peer without DSN: the sender learns that our part ended there, and nothing more is awaited', async () => {
  await using world = await openSpoolWorld()
  const { id } = await world.accept()
  await world.settlementOf(world.spool).settle(only(await world.spool.claimDue(10)), { ...RELAYED, reports: false } as Outcome)
  expect(await world.recipient(id)).toMatchObject({ relay: 'sent', receipt: 'none', receipt_due_at: null })
  expect((await world.reports(id)).map(({ text }) => /^Action: (.*)\r$/m.exec(text)?.[1])).toEqual(['relayed'])
})

test('overdue: told once, with the header of the message, at the end of its time and not before', async () => {
  await using world = await openSpoolWorld()
  const settlement = world.settlementOf(world.spool)
  const { id } = await world.accept()
  await settlement.settle(only(await world.spool.claimDue(10)), RELAYED)
  world.now += DAY - 1
  expect(await world.housekeeping.removeDone(10)).toBe(0) // its header is still needed
  expect(await world.housekeeping.overdue(10)).toEqual([])
  world.now += 1
  const late = only(await world.housekeeping.overdue(10))
  await settlement.overdue(late)
  await settlement.overdue(late)
  expect(await world.recipient(id)).toMatchObject({ relay: 'sent', receipt: 'overdue' })
  const reports = await world.reports(id)
  expect(reports).toHaveLength(1)
  expect(reports[0]!.text).toContain(`Message-ID: <${id}@a.mssante.test>`)
})
