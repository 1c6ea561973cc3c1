import { expect, test } from 'vitest'
import { openPatient, sealPatient } from '../../../dmp-bridge/sealed-patient.ts'
import { samplePatient } from '../../world/letter.ts'
import { type BridgeWorld, plainDmp, startBridgeWorld } from './bridge-world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ID = '2.25.1'
const by = { by: 'cli:test' }
const ins = { matricule: samplePatient.ins ?? '', oid: samplePatient.insOid }
const patientKey = Buffer.alloc(32, 7)

/** A world in which one document is filed, and its bytes are given back. */
async function filedWorld(): Promise<BridgeWorld & { id: string }> {
  const world = await startBridgeWorld({ patientKey })
  await world.send('m1', { uniqueId: ID })
  await world.pass(2 * MINUTE)
  expect(await world.states()).toEqual(['filed'])
  world.mails.delete('m1')
  return Object.assign(world, { id: (await world.bridge.orders.list())[0]!.id })
}

test('a filed document is deleted on a human’s order, and the ledger says so', async () => {
  await using world = await filedWorld()
  expect(await world.bridge.orders.delete(world.id, { ...by, ins })).toEqual({ kind: 'done', state: 'deleting', rechecked: [] })
  await world.pass(MINUTE)
  expect(await world.states()).toEqual(['deleted'])
  expect(world.dmp.deleted).toEqual([ID])
  expect(world.notes.slice(-1)).toMatchObject([{ message: 'm1', kind: 'deleted', detail: { uniqueId: ID } }])
  expect(await world.bridge.orders.history(world.id)).toMatchObject([{ order: 'delete', by: 'cli:test' }])
})

test('of the patient nothing stays in the rows, before nor after', async () => {
  await using world = await filedWorld()
  await world.bridge.orders.delete(world.id, { ...by, ins })
  const sealed = await world.db.run<{ sealed_patient: string }>({ sql: 'SELECT * FROM filing_deletion', parameters: [] })
  expect(sealed).toHaveLength(1)
  const written = sealed[0]!.sealed_patient
  expect(Buffer.from(written, 'base64url').toString('latin1')).not.toContain(ins.matricule.slice(0, 5))
  expect(openPatient(written, world.id, patientKey)).toEqual(ins)
  expect(openPatient(written, 'another', patientKey)).toBeUndefined()
  expect(openPatient(written, world.id, Buffer.alloc(32, 8))).toBeUndefined()
  expect(sealPatient(ins, world.id, patientKey)).not.toBe(written)
  await world.pass(MINUTE)
  expect(await world.db.run({ sql: 'SELECT * FROM filing_deletion', parameters: [] })).toEqual([])
})

test('while the bytes are kept the order need not name the patient; afterwards it must', async () => {
  await using world = await startBridgeWorld({ patientKey })
  world.dmp.poison.set('2.25.2', 'XDSNonIdenticalHash') // a refused neighbour keeps the bytes for a week
  await world.sendSet('m1', [ID, '2.25.2'])
  await world.pass(2 * MINUTE)
  const filing = (await world.bridge.orders.list({ state: 'filed' }))[0]!
  expect(await world.bridge.orders.delete(filing.id, by)).toMatchObject({ kind: 'done' })
  await world.pass(MINUTE)
  expect(world.dmp.deleted).toEqual([ID])
  await using other = await filedWorld()
  expect(await other.bridge.orders.delete(other.id, by)).toEqual({ kind: 'no', why: 'patient-needed' })
  expect(await other.bridge.orders.history(other.id)).toEqual([])
})

test('only what is filed is deleted, and only of somebody who can be', async () => {
  await using world = await filedWorld()
  expect(await world.bridge.orders.delete('nobody', { ...by, ins })).toEqual({ kind: 'no', why: 'unknown-filing' })
  const wrongKey = { ...ins, matricule: `${ins.matricule.slice(0, 13)}00` }
  expect(await world.bridge.orders.delete(world.id, { ...by, ins: wrongKey })).toEqual({ kind: 'no', why: 'bad-ins' })
  await world.bridge.orders.delete(world.id, { ...by, ins })
  expect(await world.bridge.orders.delete(world.id, { ...by, ins })).toEqual({ kind: 'no', why: 'wrong-state' })
})

test('a refusal leaves the document filed, with the DMP’s code', async () => {
  await using world = await filedWorld()
  world.dmp.script.push('accept', { errors: ['XDSMetadataUpdateError'] })
  await world.bridge.orders.delete(world.id, { ...by, ins })
  await world.pass(MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'filed', reasons: ['not-deleted'], code: 'XDSMetadataUpdateError' }])
  expect(world.notes.at(-1)).toMatchObject({ kind: 'filed', detail: { reasons: 'not-deleted', code: 'XDSMetadataUpdateError' } })
})

test('a document that is not in the DMP of the patient who is named was not deleted', async () => {
  await using world = await filedWorld()
  world.dmp.filed.length = 0
  await world.bridge.orders.delete(world.id, { ...by, ins })
  await world.pass(MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'filed', reasons: ['not-deleted'], code: 'not-in-dmp' }])
})

test('a DMP that is down is asked again; a first failure is no proof that the document has gone', async () => {
  await using world = await filedWorld()
  await world.dmp.down()
  await world.bridge.orders.delete(world.id, { ...by, ins })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['deleting'])
  world.dmp.filed.length = 0 // as of another patient
  await world.dmp.up()
  await world.pass(HOUR)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'filed', code: 'not-in-dmp' }])
})

test('a deletion whose answer was lost is seen to have succeeded', async () => {
  await using world = await filedWorld()
  world.dmp.script.push('accept', 'accept-and-cut')
  await world.bridge.orders.delete(world.id, { ...by, ins })
  await world.pass(10 * MINUTE)
  expect(await world.states()).toEqual(['deleted'])
  expect(world.dmp.deleted).toEqual([ID])
})

test('the same document in a later letter waits for a human, and is never filed by itself', async () => {
  await using world = await filedWorld()
  await world.bridge.orders.delete(world.id, { ...by, ins })
  await world.send('m2', { uniqueId: ID })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['deleted', 'held was-deleted'])
  const held = (await world.bridge.orders.list({ state: 'held' }))[0]!
  expect(await world.bridge.orders.release(held.id, by)).toMatchObject({ kind: 'no' })
  expect(world.dmp.filed).toEqual([])
})

test('a lookup that answers with another patient’s entry deletes nothing', async () => {
  await using world = await filedWorld()
  const dmp = plainDmp(world.dmp)
  await world.restart({ dmp: { ...dmp, findByUniqueId: async () => ({ kind: 'of-another-patient' }) } })
  await world.bridge.orders.delete(world.id, { ...by, ins })
  await world.pass(MINUTE)
  expect(await world.bridge.orders.list()).toMatchObject([{ state: 'filed', reasons: ['not-deleted'], code: 'of-another-patient' }])
  expect(world.dmp.deleted).toEqual([])
})
