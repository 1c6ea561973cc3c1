import { expect, test } from 'vitest'
import { startFilingWorld } from './world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const FIRST = '2.25.9001'
const SECOND = '2.25.9002'
const second = { uniqueId: SECOND, cda: { replaces: FIRST, version: 2 } }

test('a document that replaces one of the DMP takes its place (TD2.1b)', async () => {
  await using world = await startFilingWorld()
  await world.send('m1', { uniqueId: FIRST })
  await world.pass(HOUR)
  await world.send('m2', second)
  await world.pass(HOUR)
  expect(world.dmp.requests.filter(each => each.problems || each.soapFault)).toEqual([])
  expect(await world.states()).toEqual(['filed', 'filed'])
  expect(world.dmp.filed.map(({ uniqueId, availabilityStatus }) => [uniqueId, availabilityStatus])).toEqual([
    [FIRST, 'Deprecated'],
    [SECOND, 'Approved'],
  ])
})

test('one whose parent is not in the DMP waits for a human', async () => {
  await using world = await startFilingWorld()
  await world.send('m2', second)
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held replaced-unknown'])
  expect(world.dmp.filed).toEqual([])
})

test('the parent goes first when both wait', async () => {
  await using world = await startFilingWorld()
  world.dmp.setFault('down')
  await world.send('m1', { uniqueId: FIRST })
  await world.send('m2', second)
  await world.pass(2 * HOUR)
  world.dmp.setFault(undefined)
  await world.pass(12 * HOUR)
  expect(await world.states()).toEqual(['filed', 'filed'])
  expect(world.dmp.filed.map(({ uniqueId }) => uniqueId)).toEqual([FIRST, SECOND])
})

test('a replacement that the DMP took without an answer is filed, once', async () => {
  await using world = await startFilingWorld()
  await world.send('m1', { uniqueId: FIRST })
  await world.pass(HOUR)
  await world.send('m2', second)
  world.dmp.setFault('timeout-after-commit', { times: 1, path: '/repository' })
  await world.pass(2 * HOUR)
  expect(await world.states()).toEqual(['filed', 'filed'])
  expect(world.dmp.filed.map(({ uniqueId }) => uniqueId)).toEqual([FIRST, SECOND])
  expect(world.dmp.requests.filter(each => each.problems)).toEqual([]) // it was looked for, not sent again
})

test('a parent that was replaced already is refused with its code', async () => {
  await using world = await startFilingWorld()
  await world.send('m1', { uniqueId: FIRST })
  await world.pass(HOUR)
  await world.send('m2', second)
  await world.pass(HOUR)
  await world.send('m3', { uniqueId: '2.25.9003', cda: { replaces: FIRST, version: 3 } })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed', 'filed', 'refused human-content XDSRegistryDeprecatedDocumentError'])
})

test('two that replace each other do not wait for ever', async () => {
  await using world = await startFilingWorld()
  await world.send('m1', { uniqueId: FIRST, cda: { replaces: SECOND, version: 2 } })
  await world.send('m2', second)
  await world.pass(12 * HOUR)
  expect(await world.states()).toEqual(['pending parent-pending', 'pending parent-pending'])
  await world.pass(6 * 24 * HOUR)
  expect(await world.states()).toEqual(['held replaced-unknown', 'held replaced-unknown'])
})
