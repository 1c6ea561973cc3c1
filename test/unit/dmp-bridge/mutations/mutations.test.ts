import { appendFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { policy } from '../bridge-world.ts'
import { type Built, build } from './bend.ts'
import { bendsOf, type Case, isAsExpected, storedOf } from './case.ts'
import { production, verdictsOf } from './judge.ts'
import { register } from './patients.ts'
import { families } from './table.ts'
import { type ProofWorld, startProofWorld } from './world.ts'

const now = new Date(Math.floor(Date.now() / 1000) * 1000)
const all = Object.entries(families).flatMap(([family, cases]) => cases.map(each => ({ family, each })))
/** of the message that carries a case */
const idOf = new Map(all.map(({ family, each }) => [each, `${family}: ${each.name}`]))
const built = new Map<Case, Built>()
const observed = new Map<Case, string[]>()

beforeAll(async () => {
  for (const [id, { each }] of all.entries()) built.set(each, await build(bendsOf(each), id, now))
})

afterAll(() => {
  const report = process.env.PLI_REPORT
  if (!report) return
  const rows = all.map(({ family, each }) => `| ${family} | ${each.name} | ${observed.get(each)?.join(', ') || 'nothing to file'} |\n`)
  writeFileSync(report, '| family | case | what became of each document |\n|---|---|---|\n')
  appendFileSync(report, rows.join(''))
})

test('every case has a name of its own', () => {
  const names = all.map(({ each }) => idOf.get(each)!)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})

describe.each(Object.entries(families))('recognised and decided: %s', (_family, cases) => {
  test.each(cases.filter(each => !each.worker).map(each => [each.name, each] as const))('%s', async (_name, each) => {
    const verdicts = await verdictsOf(built.get(each)!, now, each.production ? production : policy)
    expect(isAsExpected(verdicts, each.expect), `${verdicts.join(', ')} instead of ${each.expect.join(', ')}`).toBe(true)
  })
})

/** One day of an operator whose messages are all the cases: whatever is filed is compared with what was made. */
describe.each([
  ['a test platform', policy, (each: Case) => !each.production],
  ['production', production, (each: Case) => each.production === true],
] as const)('through the worker, on %s', (_place, what, isHere) => {
  const cases = all.filter(({ each }) => isHere(each)).map(({ each }) => each)
  let world: ProofWorld

  beforeAll(async () => {
    world = await startProofWorld({ patients: register, policy: { ...policy, ...what } })
    world.now = now.getTime()
    for (const each of cases) await world.accept(idOf.get(each)!, built.get(each)!.eml, built.get(each)!.sender)
    await world.pass(3 * 3_600_000)
    for (const each of cases) observed.set(each, await world.of(idOf.get(each)!))
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  test('every document ends as it must, with its reasons', () => {
    const wrong = cases.filter(each => !isAsExpected(observed.get(each) ?? [], each.expect))
    expect(wrong.map(each => `${idOf.get(each)}: ${observed.get(each)?.join(', ')} instead of ${each.expect.join(', ')}`)).toEqual([])
  })

  test('the DMP holds what may be filed and nothing else, each under its patient, octet by octet, once', () => {
    const expected = cases.flatMap(each => storedOf(each).map(name => built.get(each)!.made[name]!))
    const digest = ({ uniqueId, patientId, bytes }: { uniqueId: string; patientId: string; bytes: Buffer }) =>
      `${uniqueId} ${patientId} ${bytes.toString('base64')}`
    const short = (text: string) => text.slice(0, 90)
    const [held, allowed] = [world.dmp.filed.map(digest).toSorted(), expected.map(digest).toSorted()]
    expect(held.filter(each => !allowed.includes(each)).map(short)).toEqual([])
    expect(allowed.filter(each => !held.includes(each)).map(short)).toEqual([])
    expect(held).toHaveLength(allowed.length)
  })
})
