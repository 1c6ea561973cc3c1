import { expect, test } from 'vitest'
import { openDescriptions } from '../../../../dmp-bridge/wrap/descriptions.ts'
import { samplePatient } from '../../../world/letter.ts'
import { buildPdfA } from '../../../world/pdfa-builder.ts'
import { known, type ProofWorld, startProofWorld } from '../mutations/world.ts'
import { otherPatient } from '../samples.ts'
import { doctor, hprimOf, jpegOf, mailOf, pdfPart, description as said } from './wrap-samples.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const by = 'cli:test'

async function start(): Promise<ProofWorld> {
  return startProofWorld({ patients: [known(samplePatient), known(otherPatient)] })
}

/** Today is the day of the act here: these worlds start now. */
const description = { ...said, performedAt: '2020-01-04' }

async function idOf(world: ProofWorld, messageId: string, place = 1): Promise<string> {
  return (await world.bridge.orders.list({ messageId })).find(each => each.place === place)!.id
}

/** Everything that the database holds, as text. */
async function rows(world: ProofWorld): Promise<string> {
  const tables = ['inbox', 'filing', 'filing_order', 'filing_description', 'dmp_status']
  const all = await Promise.all(tables.map(table => world.db.run({ sql: `SELECT * FROM ${table}`, parameters: [] })))
  return JSON.stringify(all)
}

test('a PDF waits, is described, and is in the DMP as a document of its sender', async () => {
  await using world = await start()
  const pdf = buildPdfA()
  await world.accept('m1', mailOf([pdfPart(pdf)]), doctor)
  await world.pass(HOUR)
  expect(await world.of('m1')).toEqual(['held needs-identity'])
  expect(world.released).toEqual([])

  const id = await idOf(world, 'm1')
  await world.bridge.orders.release(id, { by }) // nobody overrules that
  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['held needs-identity'])
  expect(await world.bridge.orders.describe(id, { ...description, by })).toEqual({ kind: 'done', state: 'pending', rechecked: [] })
  const view = await world.bridge.orders.find(id)
  expect(view).toMatchObject({ type: '11488-4', uniqueId: expect.stringMatching(/^2\.25\.\d+$/) })
  expect(await world.bridge.orders.history(id)).toMatchObject([{ order: 'release' }, { order: 'describe', by }])
  expect(await rows(world)).not.toMatch(/TESTOU|2840375114256|HÉLOÏSE|19840309|1984-03-09/)

  const descriptions = openDescriptions(world.db, { secret: Buffer.alloc(32, 1) })
  expect(await descriptions.read(id)).toMatchObject({ description })
  expect(await openDescriptions(world.db, { secret: Buffer.alloc(32, 2) }).read(id)).toBeUndefined()

  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['filed'])
  expect(world.dmp.filed).toMatchObject([{ uniqueId: view!.uniqueId }])
  const filed = world.dmp.filed[0]!.bytes.toString()
  expect(filed).toContain(pdf.toString('base64'))
  expect(filed).toContain(`extension="${description.patient.ins}"`)
  expect(world.released).toEqual(['m1'])
  expect(await descriptions.has(id)).toBe(false)
  expect(world.logs.join()).not.toMatch(/TESTOU|2840375114256|lettre\.pdf/)
})

test('a busy DMP gets the same document at each attempt', async () => {
  await using world = await start()
  await world.accept('m1', mailOf([pdfPart(buildPdfA())]), doctor)
  await world.pass(MINUTE)
  await world.bridge.orders.describe(await idOf(world, 'm1'), { ...description, by })
  world.dmp.setFault('timeout-after-commit', { times: 1, path: '/repository' })
  await world.pass(24 * HOUR)
  expect(await world.of('m1')).toEqual(['filed'])
  expect(world.dmp.filed).toHaveLength(1)
}, 90_000)

test('what the DMP does not know under that number is held, described again, and filed', async () => {
  await using world = await start()
  await world.accept('m1', mailOf([pdfPart(buildPdfA())]), doctor)
  await world.pass(MINUTE)
  const id = await idOf(world, 'm1')
  await world.bridge.orders.describe(id, { ...description, patient: { ...description.patient, birthName: 'FAUSSE' }, by })
  const first = (await world.bridge.orders.find(id))!.uniqueId
  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['held traits-differ'])
  expect(world.dmp.filed).toHaveLength(0)
  await world.pass(MINUTE)
  await world.bridge.orders.describe(id, { ...description, by })
  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['filed'])
  expect(world.dmp.filed[0]!.uniqueId).not.toBe(first)
})

test('what is given up is forgotten, and what can’t be described is said so', async () => {
  await using world = await start()
  const orders = world.bridge.orders
  await world.accept('m1', mailOf([pdfPart(buildPdfA({ id: false }))]), doctor)
  await world.accept('m2', mailOf([pdfPart(buildPdfA())]), doctor)
  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['held not-pdfa needs-identity'])
  const [one, two] = [await idOf(world, 'm1'), await idOf(world, 'm2')]
  expect(await orders.describe(one, { ...description, by })).toEqual({ kind: 'no', why: 'not-describable' })
  expect(await orders.describe('x', { ...description, by })).toEqual({ kind: 'no', why: 'unknown-filing' })
  expect(await orders.describe(two, { ...description, performedAt: 'hier', by })).toEqual({ kind: 'no', why: 'bad-description' })
  await orders.describe(two, { ...description, facility: 'SA999', by })
  expect(await orders.describe(two, { ...description, by })).toEqual({ kind: 'no', why: 'wrong-state' })
  await world.pass(MINUTE)
  expect(await world.of('m2')).toEqual(['held unknown-facility'])
  const descriptions = openDescriptions(world.db, { secret: Buffer.alloc(32, 1) })
  expect(await descriptions.has(two)).toBe(true)
  await orders.refuse(two, { by })
  await world.pass(MINUTE)
  expect(await descriptions.has(two)).toBe(false)
})

test('the same file is asked for once, and an image of every letter is a logo', async () => {
  await using world = await start()
  const hprim = { type: 'text/plain', filename: 'a.hpr', content: hprimOf() }
  const logo = { type: 'image/jpeg', filename: 'logo.jpg', content: jpegOf(900, 900) }
  await world.accept('m1', mailOf([hprim, logo]), doctor)
  await world.pass(MINUTE)
  await world.bridge.orders.describe(await idOf(world, 'm1'), { ...description, type: '11502-2', by })
  await world.accept('m2', mailOf([hprim, logo]), doctor)
  await world.pass(0)
  expect(await world.of('m2')).toEqual(['ignored already-pending', 'ignored image-repeated'])
  expect(await world.of('m1')).toMatchObject([expect.stringMatching(/^(pending|filed|held)/), 'held needs-identity'])
})

test('a message is about one patient: the second that is described waits, whatever became of the first', async () => {
  await using world = await start()
  const { birthName, firstName, birthDate, sex, birthPlace } = otherPatient
  const other = { ins: otherPatient.ins, oid: otherPatient.insOid, birthName, firstName, birthDate, sex, birthPlaceCog: birthPlace }
  await world.accept('m1', mailOf([pdfPart(buildPdfA()), pdfPart(buildPdfA({ bars: 9 }))]), doctor)
  await world.pass(MINUTE)
  await world.bridge.orders.describe(await idOf(world, 'm1', 1), { ...description, by })
  await world.pass(MINUTE)
  await world.bridge.orders.describe(await idOf(world, 'm1', 2), { ...description, patient: other, by })
  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['filed', 'held two-patients'])
  await world.bridge.orders.describe(await idOf(world, 'm1', 2), { ...description, by })
  await world.pass(MINUTE)
  expect(await world.of('m1')).toEqual(['filed', 'filed'])
})
