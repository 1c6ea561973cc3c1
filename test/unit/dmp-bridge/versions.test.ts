import { expect, test } from 'vitest'
import { judgeVersions } from '../../../dmp-bridge/judging/versions.ts'
import { startBridgeWorld } from './bridge-world.ts'
import { cdaOf, letterOf, read } from './samples.ts'

const [FIRST, SECOND, THIRD] = ['2.25.1001', '2.25.1002', '2.25.1003']
const SET = '2.25.1000'

test('the same version of a document is not sent twice under two ids', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: FIRST, cda: { setId: SET, version: 2 } })
  await world.pass(60_000)
  await world.send('m2', { uniqueId: SECOND, cda: { setId: SET, version: 2 } })
  await world.pass(60_000)
  expect(await world.states()).toEqual(['filed', 'held same-version'])
})

test('of two that wait, the second is held when the first is filed', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: FIRST, cda: { setId: SET } })
  await world.send('m2', { uniqueId: SECOND, cda: { setId: SET } })
  await world.pass(120_000)
  expect(world.dmp.filed).toHaveLength(1)
  expect(await world.states()).toContain('held same-version')
})

test('an older version never goes over a newer one', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: SECOND, cda: { setId: SET, version: 2 } })
  await world.pass(60_000)
  await world.send('m2', { uniqueId: FIRST, cda: { setId: SET, version: 1 } })
  await world.pass(60_000)
  expect(await world.states()).toEqual(['filed', 'held older-version'])
})

test('a newer version says which document it replaces', async () => {
  await using world = await startBridgeWorld()
  await world.send('m1', { uniqueId: FIRST, cda: { setId: SET, version: 1 } })
  await world.pass(60_000)
  await world.send('m2', { uniqueId: SECOND, cda: { setId: SET, version: 2 } })
  await world.pass(60_000)
  expect(await world.states()).toEqual(['filed', 'held replacement'])
  await world.send('m3', { uniqueId: THIRD, cda: { setId: SET, version: 2, replaces: FIRST } })
  await world.pass(60_000)
  expect(await world.states()).toEqual(['filed', 'filed', 'held replacement'])
})

test('a version that is not stated is no version', async () => {
  const without = (await read('a.xml', cdaOf({ setId: SET }).replace(/<versionNumber [^>]*>/, ''))).documents[0]?.cda
  const filed = { unique_id: FIRST, set_id: SET, version: 1, state: 'filed' } as const
  expect(without && judgeVersions(without, [filed], ['filed'])).toEqual(['same-version'])
  expect(without && judgeVersions(without, [{ ...filed, set_id: '2.25.9' }], ['filed'])).toEqual([])
  const stated = (await read('a.xml', cdaOf({ setId: SET, version: 3 }))).documents[0]?.cda
  expect(stated && judgeVersions(stated, [{ ...filed, version: null }], ['filed'])).toEqual(['same-version'])
  expect(stated && judgeVersions(stated, [{ ...filed, state: 'refused' }], ['filed'])).toEqual([])
})

test('a set with an extension stands in no row', async () => {
  await using world = await startBridgeWorld()
  const { eml } = await letterOf({ cda: { setId: `${SET}" extension="EXT-1` } })
  await world.send('m1', { eml })
  await world.pass(60_000)
  const rows = await world.db.run({ sql: 'SELECT set_id, version FROM filing', parameters: [] })
  expect(rows).toEqual([{ set_id: null, version: null }])
})
