import { afterAll, beforeAll, expect, test } from 'vitest'
import { openOppositions } from '../../../../dmp-bridge/oppositions.ts'
import type { CdaOptions } from '../../../world/letter.ts'
import { attached, type Bend, type Built, build } from './bend.ts'
import { structured } from './cases-documents.ts'
import { opposedOne, otherPatient, register } from './patients.ts'
import { type ProofWorld, startProofWorld } from './world.ts'

const MINUTE = 60_000
let world: ProofWorld
let count = 5000

beforeAll(async () => {
  world = await startProofWorld({ patients: register })
})
afterAll(() => world?.[Symbol.asyncDispose]())

/** A letter of a case of its own, accepted as the message `id`. */
async function send(id: string, bend: Bend = {}, number = ++count): Promise<Built> {
  const built = await build([bend], number, new Date(world.now))
  await world.accept(id, built.eml, built.sender)
  return built
}

function options(more: Partial<CdaOptions>): Bend {
  return { options: more }
}

/** How often, and with which octets, a document is in the DMP. */
function stored({ made }: Built, name = 'main'): string {
  const found = world.dmp.filed.filter(each => each.uniqueId === made[name]?.uniqueId)
  const isSame = found.every(each => each.bytes.equals(made[name]?.bytes ?? Buffer.alloc(0)) && each.patientId === made[name]?.patientId)
  return `${found.length}${isSame ? '' : ' of other octets'}`
}

async function end(...ids: string[]): Promise<string[]> {
  await world.pass(10 * MINUTE)
  return (await Promise.all(ids.map(id => world.of(id)))).map(each => each.join(', '))
}

test('one id, other octets, in a later message: the second is held, the first stays what it is', async () => {
  const first = await send('a1')
  expect(await end('a1')).toEqual(['filed'])
  await send('a2', options({ title: 'Autre' }), count)
  expect(await end('a2')).toEqual([expect.stringMatching(/^held .*same-id-other-bytes/)])
  expect(stored(first)).toBe('1')
})

test('one id, other octets, at once: one is filed, the other held', async () => {
  const one = await send('b1')
  const two = await send('b2', options({ title: 'Autre' }), count)
  const states = (await end('b1', 'b2')).map(each => each.split(' ')[0])
  expect(states.toSorted()).toEqual(['filed', 'held'])
  expect([stored(one), stored(two)].toSorted()).toEqual(['1', '1 of other octets'])
})

test('the same octets in another message, before and after they are filed', async () => {
  const first = await send('c1')
  await world.pass(0)
  await world.accept('c2', first.eml)
  await world.pass(0)
  expect(await world.of('c2')).toEqual(['ignored already-pending'])
  expect(await end('c1')).toEqual(['filed'])
  await world.accept('c3', first.eml)
  expect(await end('c3')).toEqual(['ignored already-filed'])
  expect(stored(first)).toBe('1')
})

test('the other form of a report, in a later message', async () => {
  const first = await send('d1', options({ setId: '2.25.77001' }))
  await world.pass(0) // it is read first
  const second = await send('d2', { ...options({ setId: '2.25.77001' }), cda: xml => structured(xml) })
  expect((await end('d1', 'd2')).map(each => each.split(' ')[0])).toEqual(['filed', 'held'])
  expect([stored(first), stored(second)]).toEqual(['1', '0'])
})

test.each([
  ['before', 'timeout-before-commit', undefined],
  ['after', 'timeout-after-commit', 'XDSDuplicateUniqueIdInRegistry'],
] as const)('no answer, %s the commit: filed once', async (_when, fault, code) => {
  world.dmp.setFault(fault, { times: 1, path: '/repository' })
  const letter = await send(fault)
  expect(await end(fault)).toEqual(['filed'])
  expect((await world.bridge.orders.list({ messageId: fault }))[0]?.code).toBe(code)
  expect(stored(letter)).toBe('1')
})

test('filed without an answer, then refused: it is said that it may be there', async () => {
  world.dmp.setFault('timeout-after-commit', { times: 1, path: '/repository' })
  const letter = await send('e1')
  await world.pass(MINUTE)
  world.dmp.setFault('closed', { times: 1, path: '/repository' })
  expect(await end('e1')).toEqual(['refused human-patient may-be-filed'])
  expect(stored(letter)).toBe('1')
})

test('an opposition that is recorded while the document waits, and before it comes', async () => {
  const register = openOppositions(world.db, { secret: Buffer.alloc(32, 1), now: () => world.now })
  const first = await send('f1', options({ patient: opposedOne }))
  await world.pass(0)
  expect(await world.of('f1')).toEqual(['pending'])
  const said = { matricule: opposedOne.ins ?? '', feeding: 'IO' as const, saidAt: world.now, validated: true }
  await register.record([said], 'test')
  const second = await send('f2', options({ patient: opposedOne }))
  expect(await end('f1', 'f2')).toEqual(['held opposed', 'held opposed'])
  expect([stored(first), stored(second)]).toEqual(['0', '0'])
})

test('a chain of replacements, in order; then a version that was there before, and one that is older', async () => {
  const set = { setId: '2.25.77002' }
  const one = await send('g1', options(set))
  expect(await end('g1')).toEqual(['filed'])
  const two = await send('g2', options({ ...set, version: 2, replaces: one.made.main!.uniqueId }))
  expect(await end('g2')).toEqual(['filed'])
  const three = await send('g3', options({ ...set, version: 3, replaces: two.made.main!.uniqueId }))
  expect(await end('g3')).toEqual(['filed'])
  expect(
    world.dmp.filed
      .filter(each => [one, two].some(made => made.made.main?.uniqueId === each.uniqueId))
      .map(each => each.availabilityStatus),
  ).toEqual(['Deprecated', 'Deprecated'])
  const again = await send('g4', options({ ...set, version: 2, replaces: one.made.main!.uniqueId }))
  const back = await send('g5', options({ ...set, version: 2, replaces: three.made.main!.uniqueId }))
  expect(await end('g4', 'g5')).toEqual([expect.stringMatching(/^held .*older-version/), expect.stringMatching(/^held .*older-version/)])
  expect([one, two, three, again, back].map(each => stored(each))).toEqual(['1', '1', '1', '0', '0'])
})

test('a replacement of a document of another patient', async () => {
  const other = await send('h1', options({ patient: otherPatient }))
  expect(await end('h1')).toEqual(['filed'])
  const foreign = await send('h2', options({ replaces: other.made.main!.uniqueId }))
  expect(await end('h2')).toEqual([expect.stringMatching(/^held /)])
  expect(stored(foreign)).toBe('0')
  expect(world.dmp.filed.find(each => each.uniqueId === other.made.main?.uniqueId)?.availabilityStatus).toBe('Approved')
})

test('a chain in one message: what replaces another of the message waits', async () => {
  const chain = await send('i1', {
    parts: (parts, scene) => [...parts, attached(scene.make('second', { uniqueId: scene.oid(2), replaces: scene.uniqueId }))],
  })
  expect(await end('i1')).toEqual([expect.stringMatching(/^filed, held .*replacement/)])
  expect([stored(chain), stored(chain, 'second')]).toEqual(['1', '0'])
})
