import { expect, test } from 'vitest'
import { startBridgeWorld } from './bridge-world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SET = ['2.25.1', '2.25.2', '2.25.3']

const repository = (requests: readonly { path: string; uniqueIds: string[] }[]) =>
  requests.filter(({ path }) => path === '/services/repository').map(({ uniqueIds }) => uniqueIds)

test('the documents of a message go in one submission, and each filing has its own outcome', async () => {
  await using world = await startBridgeWorld()
  await world.sendSet('m1', SET)
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
  expect(repository(world.dmp.requests)).toEqual([SET])
  expect(world.notes.filter(each => each.kind === 'filed').map(each => each.detail.uniqueId)).toEqual(SET)
  expect(world.released).toEqual(['m1'])
})

test('two messages are two submissions', async () => {
  await using world = await startBridgeWorld()
  await world.sendSet('m1', ['2.25.1', '2.25.2'])
  await world.sendSet('m2', ['2.25.3'])
  await world.pass(2 * MINUTE)
  expect(repository(world.dmp.requests).sort()).toEqual([['2.25.1', '2.25.2'], ['2.25.3']])
})

test('what is held goes in no set, and keeps no other', async () => {
  await using world = await startBridgeWorld()
  await world.sendSet('m1', SET, id => (id === '2.25.2' ? { title: 'à relire', uniqueId: id, now: new Date(world.now + 24 * HOUR) } : {}))
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'held bad-date'])
  expect(repository(world.dmp.requests)).toEqual([['2.25.1', '2.25.3']])
})

test('a set that is refused goes one by one: the bad document is refused with its code, the others are filed', async () => {
  await using world = await startBridgeWorld()
  world.dmp.poison.set('2.25.2', 'XDSNonIdenticalHash')
  await world.sendSet('m1', SET)
  await world.pass(2 * MINUTE)
  const filings = await world.bridge.orders.list()
  expect(filings.map(({ uniqueId, state, code }) => [uniqueId, state, code]).sort()).toEqual([
    ['2.25.1', 'filed', undefined],
    ['2.25.2', 'refused', 'XDSNonIdenticalHash'],
    ['2.25.3', 'filed', undefined],
  ])
  expect(repository(world.dmp.requests)).toEqual([SET, ['2.25.1'], ['2.25.2'], ['2.25.3']])
})

test('a set of which one is in the DMP already goes one by one, and that one is filed as it is', async () => {
  await using world = await startBridgeWorld()
  world.dmp.filed.push('2.25.3')
  await world.sendSet('m1', SET)
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
  expect(world.dmp.filed.sort()).toEqual(SET)
})

test('a set that the DMP took without answering is filed once', async () => {
  await using world = await startBridgeWorld()
  world.dmp.script.push('accept', 'accept-and-cut')
  await world.sendSet('m1', SET)
  await world.pass(10 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
  expect(world.dmp.filed.sort()).toEqual(SET)
})

test('a crash between sending and settling ends with every document filed once', async () => {
  await using world = await startBridgeWorld()
  await world.sendSet('m1', SET)
  world.dmp.script.push('accept', 'accept')
  await world.pass(0) // read
  const crash = {
    sql: "CREATE TRIGGER crash BEFORE UPDATE OF state ON filing WHEN new.state = 'filed' BEGIN SELECT RAISE(ABORT, 'crash'); END",
  }
  await world.db.run({ ...crash, parameters: [] })
  await world.pass(MINUTE + 1)
  expect(world.dmp.filed).toEqual(SET)
  expect(await world.states()).toEqual(['pending', 'pending', 'pending'])
  await world.db.run({ sql: 'DROP TRIGGER crash', parameters: [] })
  await world.restart()
  await world.pass(HOUR)
  expect(await world.bridge.orders.list()).toMatchObject(SET.map(() => ({ state: 'filed', code: 'XDSDuplicateUniqueIdInRegistry' })))
  expect(world.dmp.filed).toEqual(SET)
})

test('a DMP that is busy gets the same set again', async () => {
  await using world = await startBridgeWorld()
  world.dmp.script.push('accept', { status: 503 })
  await world.sendSet('m1', SET)
  await world.pass(10 * MINUTE)
  expect(repository(world.dmp.requests)).toEqual([SET, SET])
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
})

test('a set has no more documents than the policy says', async () => {
  await using world = await startBridgeWorld({})
  const { policy } = await import('./bridge-world.ts')
  await world.restart({ policy: { ...policy, documentsPerSubmission: 2 } })
  await world.sendSet('m1', SET)
  await world.pass(2 * MINUTE)
  expect(repository(world.dmp.requests)).toEqual([SET.slice(0, 2), SET.slice(2)])
})

test('a set weighs no more than a document may', async () => {
  await using world = await startBridgeWorld()
  const { policy } = await import('./bridge-world.ts')
  await world.sendSet('m1', SET)
  const bytes = Math.ceil((world.mails.get('m1')?.length ?? 0) / SET.length)
  await world.restart({ policy: { ...policy, maxDocumentBytes: 2 * bytes } })
  await world.pass(2 * MINUTE)
  expect(repository(world.dmp.requests)).toHaveLength(2)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
})

test('a document that is held back while its set is prepared stays behind, and the others go', async () => {
  await using world = await startBridgeWorld()
  const { plainDmp } = await import('./bridge-world.ts')
  const dmp = plainDmp(world.dmp)
  let held = false
  await world.restart({
    dmp: {
      ...dmp,
      prepare: async (documents, context) => {
        const filing = (await world.bridge.orders.list()).find(each => each.uniqueId === '2.25.2')
        if (!held) {
          world.now += 16 * MINUTE // the claim has run out
          expect(await world.bridge.orders.hold(filing?.id ?? '', { by: 'link' })).toMatchObject({ kind: 'done' })
          held = true
        }
        return dmp.prepare(documents, context)
      },
    },
  })
  await world.sendSet('m1', SET)
  await world.pass(10 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'held author-request may-be-filed'])
  expect(world.dmp.filed.sort()).toEqual(['2.25.1', '2.25.3'])
})

test('a document that can not be signed is held, and the others of its set are filed', async () => {
  await using world = await startBridgeWorld()
  const { plainDmp } = await import('./bridge-world.ts')
  const dmp = plainDmp(world.dmp)
  const prepare: typeof dmp.prepare = (documents, context) =>
    documents.some(({ cda }) => cda?.uniqueId === '2.25.2') ? { unfit: 'too-complex' } : dmp.prepare(documents, context)
  await world.restart({ dmp: { ...dmp, prepare } })
  await world.sendSet('m1', SET)
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'held too-complex'])
})

test('a set is one turn of the pace', async () => {
  await using world = await startBridgeWorld()
  for (let count = 0; count < 5; count++)
    await world.sendSet(
      `m${count}`,
      [1, 2, 3].map(rank => `2.25.${count}.${rank}`),
    )
  await world.pass(61_000)
  expect(world.dmp.filed).toHaveLength(15)
})
