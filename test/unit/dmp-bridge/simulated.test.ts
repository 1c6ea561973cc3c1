import { expect, test } from 'vitest'
import { samplePatient } from '../../world/letter.ts'
import { startSimulatedWorld } from './simulated-dmp.ts'

const MINUTE = 60_000
const SET = ['2.25.1', '2.25.2', '2.25.3']
const by = { by: 'cli:test' }
const ins = { matricule: samplePatient.ins ?? '', oid: samplePatient.insOid }

test('three documents are one submission with one signature, and are found byte for byte', async () => {
  await using world = await startSimulatedWorld()
  await world.sendSet('m1', SET)
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed', 'filed', 'filed'])
  expect(world.simulator.filed.map(({ uniqueId }) => uniqueId)).toEqual(SET)
  expect(new Set(world.simulator.filed.map(each => each.submissionSetUniqueId)).size).toBe(1)
  expect(world.simulator.signatures).toHaveLength(1)
  const signed = world.simulator.signatures[0]?.bytes.toString() ?? ''
  for (const uniqueId of SET) expect(signed).toContain(`urn:oid:${uniqueId}"`)
})

test('a timeout after the commit of a set, and a set of which one is known: every document is there once', async () => {
  await using world = await startSimulatedWorld()
  await world.sendSet('m1', SET)
  world.simulator.setFault('timeout-after-commit', { times: 1, path: '/repository' })
  await world.pass(10 * MINUTE)
  await world.sendSet('m2', ['2.25.4', '2.25.5'])
  world.simulator.setFault('reset-after-commit', { times: 1, path: '/repository' })
  await world.pass(10 * MINUTE)
  expect(await world.states()).toEqual(Array(5).fill('filed'))
  expect(world.simulator.filed.map(({ uniqueId }) => uniqueId).sort()).toEqual([...SET, '2.25.4', '2.25.5'])
})

test('our own document is deleted, TD3.1b then says so, and it is not filed again', async () => {
  await using world = await startSimulatedWorld()
  await world.sendSet('m1', ['2.25.1'])
  await world.pass(2 * MINUTE)
  const [filing] = await world.bridge.orders.list()
  await world.bridge.orders.delete(filing!.id, { ...by, ins })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['deleted'])
  expect(world.simulator.filed.map(each => each.availabilityStatus)).toEqual(['Deleted'])
  expect(world.simulator.requests.at(-1)).toMatchObject({ outcome: 'deleted', uniqueIds: ['2.25.1'] })
  await world.sendSet('m2', ['2.25.1'])
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['deleted', 'held was-deleted'])
})

test.each([
  ['timeout-after-commit', 'deleted'],
  ['reset-after-commit', 'deleted'],
  ['timeout-before-commit', 'deleted'],
  ['contradictory', 'deleted'],
  ['code:XDSRegistryBusy', 'deleted'],
  ['http-503', 'deleted'],
  ['code:XDSMetadataUpdateError', 'filed not-deleted'],
] as const)('a deletion that meets %s ends %s', async (fault, state) => {
  await using world = await startSimulatedWorld()
  await world.sendSet('m1', ['2.25.1'])
  await world.pass(2 * MINUTE)
  const [filing] = await world.bridge.orders.list()
  let asked = 0
  world.simulator.planFaults(path => (path === '/registry' && ++asked === 2 ? fault : undefined)) // after the lookup
  await world.bridge.orders.delete(filing!.id, { ...by, ins })
  await world.pass(20 * MINUTE)
  expect(await world.states()).toEqual([state])
})

test('an entry of another patient is believed neither for a deletion nor after a doubt', async () => {
  await using world = await startSimulatedWorld()
  await world.sendSet('m1', ['2.25.1'])
  await world.pass(2 * MINUTE)
  const [filing] = await world.bridge.orders.list()
  world.simulator.planFaults(path => (path === '/registry' ? 'other-patient' : 'contradictory'))
  await world.bridge.orders.delete(filing!.id, { ...by, ins })
  await world.sendSet('m2', ['2.25.2'])
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed not-deleted', 'held entry-of-another-patient'])
})

test.each(['3.0', '4.0'] as const)('the simulator takes a VIHF %s for every transaction', async vihf => {
  await using world = await startSimulatedWorld({ client: { vihf } })
  await world.sendSet('m1', ['2.25.1'])
  await world.pass(2 * MINUTE)
  const [filing] = await world.bridge.orders.list()
  await world.bridge.orders.delete(filing!.id, { ...by, ins })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['deleted'])
  expect(world.simulator.requests.map(({ path, outcome }) => [path, outcome])).toEqual([
    ['/patients', 'answered'],
    ['/repository', 'filed'],
    ['/registry', 'answered'],
    ['/registry', 'deleted'],
  ])
})
