import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { compiled } from '../../../config/paths.ts'
import { samplePatient } from '../../world/letter.ts'
import { sender } from './operator.ts'
import { startFilingWorld } from './world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

test('a letter’s document is in the DMP, byte for byte, and its message is let go', async () => {
  await using world = await startFilingWorld()
  const uniqueId = await world.send('m1')
  await world.pass(2 * MINUTE)
  expect(world.dmp.requests.filter(each => each.problems || each.soapFault)).toEqual([])
  expect(await world.states()).toEqual(['filed'])
  expect(world.dmp.filed).toMatchObject([{ uniqueId, typeCode: '96349-6' }])
  expect(world.operator.released).toEqual(['m1'])
  expect(world.operator.notes.at(-1)).toMatchObject({ message: 'm1', kind: 'filed', detail: { uniqueId } })
})

test('a DMP that is down, then up again, has the document once', async () => {
  await using world = await startFilingWorld()
  const uniqueId = await world.send('m1')
  world.dmp.setFault('down')
  await world.pass(3 * HOUR)
  expect(await world.states()).toMatchObject([expect.stringMatching(/^pending /)])
  world.dmp.setFault(undefined)
  await world.pass(2 * HOUR)
  expect(await world.states()).toEqual(['filed'])
  expect(world.dmp.filed.map(each => each.uniqueId)).toEqual([uniqueId])
})

test('a busy DMP is tried again', async () => {
  await using world = await startFilingWorld()
  await world.send('m1')
  world.dmp.setFault('busy', { times: 4 })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed'])
  expect(world.dmp.filed).toHaveLength(1)
})

test('a refusal is final with its code', async () => {
  await using world = await startFilingWorld()
  await world.send('m0')
  await world.pass(2 * MINUTE)
  await world.send('m1')
  world.dmp.setFault('closed', { times: 1 })
  await world.pass(24 * HOUR)
  expect(await world.states()).toEqual(['filed', 'refused human-patient DMPClosed'])
  expect(world.dmp.requests.map(each => each.path)).toEqual(['/patients', '/repository', '/repository'])
  expect(world.dmp.filed).toHaveLength(1)
})

test.each([
  ['FERME' as const, 'refused human-patient dmp-closed'],
  [undefined, 'refused human-patient dmp-absent'],
])('a DMP that TD0.2 says is %s gets nothing', async (status, state) => {
  const { ins, insOid, birthName, firstName, birthDate, sex } = samplePatient
  const known = status ? [{ ins: ins!, oid: insOid, status, birthName, firstName, birthDate, sex }] : []
  await using world = await startFilingWorld({ patients: known })
  await world.send('m1')
  await world.pass(HOUR)
  expect(await world.states()).toEqual([state])
  expect(world.dmp.requests.map(each => each.path)).toEqual(['/patients'])
})

test('a DMP that knows another person under the INS gets nothing: held', async () => {
  const { ins, insOid, birthName, firstName, sex } = samplePatient
  const patients = [{ ins: ins!, oid: insOid, status: 'ACTIF' as const, birthName, firstName, birthDate: '1950-01-01', sex }]
  await using world = await startFilingWorld({ patients })
  await world.send('m1')
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['held traits-differ'])
  expect(world.dmp.filed).toEqual([])
})

test('a DMP that filed but never answered says duplicate on the retry: filed, once', async () => {
  await using world = await startFilingWorld()
  const first = await world.send('m0')
  await world.pass(2 * MINUTE)
  const uniqueId = await world.send('m1')
  world.dmp.setFault('timeout-after-commit', { times: 1 })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed', 'filed XDSDuplicateUniqueIdInRegistry'])
  expect(world.dmp.filed.map(each => each.uniqueId)).toEqual([first, uniqueId])
})

test('two messages with the same document make one filing', async () => {
  await using world = await startFilingWorld()
  const uniqueId = await world.send('m1')
  await world.send('m2', { eml: readFileSync(join(world.files.folder, 'm1.eml')) })
  await world.pass(HOUR)
  await world.send('m3', { eml: readFileSync(join(world.files.folder, 'm1.eml')) })
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed', 'ignored already-filed', 'ignored already-pending'])
  expect(world.dmp.filed.map(each => each.uniqueId)).toEqual([uniqueId])
})

test('the document is found by its uniqueId afterwards, and no other is', async () => {
  await using world = await startFilingWorld()
  const uniqueId = await world.send('m1')
  await world.pass(2 * MINUTE)
  const ins = { matricule: samplePatient.ins!, oid: samplePatient.insOid }
  const context = { sender, policy: world.operator.policy, now: new Date(world.now), newId: randomUUID }
  expect(await world.operator.dmp.findByUniqueId(uniqueId, ins, context)).toEqual({
    kind: 'found',
    entryUuid: world.dmp.filed[0]!.entryUUID,
  })
  expect(await world.operator.dmp.findByUniqueId('2.25.1', ins, context)).toEqual({ kind: 'absent' })
})

test('killed between sending and settling: filed once by the process that takes over', async () => {
  await using world = await startFilingWorld()
  const before = await world.send('m0') // the DMP of this patient is known from now on: the next request is the submission
  await world.pass(2 * MINUTE)
  const uniqueId = await world.send('m1')
  world.dmp.setFault('timeout-after-commit', { times: 1 })
  const task = JSON.stringify({ files: world.files, now: world.now })
  const child = spawn(process.execPath, [compiled('test/e2e/dmp-filing/filer-process'), task], { stdio: 'inherit' })
  const ended = once(child, 'exit')
  try {
    await vi.waitFor(() => expect(world.dmp.filed).toHaveLength(2), { timeout: 40_000, interval: 20 })
  } finally {
    child.kill('SIGKILL')
    await ended
  }
  await world.takeOver()
  expect(await world.states()).toEqual(['filed', 'pending'])
  await world.pass(HOUR)
  expect(await world.states()).toEqual(['filed', 'filed XDSDuplicateUniqueIdInRegistry'])
  expect(world.dmp.filed.map(each => each.uniqueId)).toEqual([before, uniqueId])
  expect(world.dmp.requests.filter(each => each.path === '/patients')).toHaveLength(1)
})
