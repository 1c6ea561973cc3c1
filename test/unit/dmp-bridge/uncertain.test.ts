import { expect, test } from 'vitest'
import type { Dmp } from '../../../dmp-bridge/dmp.ts'
import { openOppositions } from '../../../dmp-bridge/oppositions.ts'
import { samplePatient } from '../../world/letter.ts'
import { type BridgeWorld, plainDmp, startBridgeWorld } from './bridge-world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SECRET = Buffer.alloc(32, 1)
const by = 'cli:test'

const oppose = (world: BridgeWorld, feeding: 'IO' | 'INO' = 'IO') =>
  openOppositions(world.db, { secret: SECRET, now: () => world.now }).record(
    [{ matricule: samplePatient.ins ?? '', feeding, saidAt: world.now, validated: true }],
    'accueil',
  )

/** The DMP takes the document, and the process ends before it can write so. */
async function crashAfterSending(world: BridgeWorld): Promise<void> {
  const crash = "CREATE TRIGGER crash BEFORE UPDATE OF state ON filing WHEN new.state = 'filed' BEGIN SELECT RAISE(ABORT, 'crash'); END"
  await world.db.run({ sql: crash, parameters: [] })
  await world.pass(MINUTE + 1)
  await world.db.run({ sql: 'DROP TRIGGER crash', parameters: [] })
  await world.restart()
}

test('what a crash may have filed, and is held for another reason then, is still said to be perhaps filed when it is given up', async () => {
  await using world = await startBridgeWorld({ patientKey: SECRET })
  await world.send('m1')
  await crashAfterSending(world)
  expect(world.dmp.filed).toHaveLength(1)
  await oppose(world)
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held opposed'])
  const [filing] = await world.bridge.orders.list()
  expect(await world.bridge.orders.refuse(filing!.id, { by })).toMatchObject({ state: 'refused', mayBeFiled: true })
  expect(await world.states()).toEqual(['refused given-up may-be-filed'])
})

test('a release does not make the DMP’s refusal surer than it is', async () => {
  await using world = await startBridgeWorld({ patientKey: SECRET })
  await world.send('m1')
  await crashAfterSending(world)
  await oppose(world)
  await world.pass(HOUR)
  await oppose(world, 'INO')
  const [filing] = await world.bridge.orders.list()
  world.dmp.script.push({ errors: ['XDSNonIdenticalHash'] })
  await world.bridge.orders.release(filing!.id, { by })
  await world.pass(MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'refused', reasons: ['human-content', 'may-be-filed'] }])
})

test('an opposition that comes while the DMP is asked about the patient, or the request is made, is obeyed', async () => {
  await using world = await startBridgeWorld({ patientKey: SECRET })
  const dmp = plainDmp(world.dmp)
  const prepare: Dmp['prepare'] = async (documents, context) => {
    await oppose(world)
    return dmp.prepare(documents, context)
  }
  await world.restart({ dmp: { ...dmp, prepare } })
  await world.sendSet('m1', ['2.25.1', '2.25.2'])
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['held opposed', 'held opposed'])
  expect(world.dmp.filed).toEqual([])
})

test('so is a declaration that is taken back then', async () => {
  let declared = true
  await using world = await startBridgeWorld({ isDeclared: async () => declared })
  const dmp = plainDmp(world.dmp)
  const prepare: Dmp['prepare'] = async (documents, context) => {
    declared = false
    return dmp.prepare(documents, context)
  }
  await world.restart({ dmp: { ...dmp, prepare } })
  await world.send('m1')
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['held not-declared'])
  expect(world.dmp.filed).toEqual([])
})
