import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../../dmp-bridge/caps.ts'
import { decide } from '../../../../dmp-bridge/decide.ts'
import { recogniseMessage } from '../../../../dmp-bridge/recognise.ts'
import { policy, sender } from '../bridge-world.ts'
import { type Bend, build, NothingToBend } from './bend.ts'
import { bendsOf } from './case.ts'
import { verdictsOf } from './judge.ts'
import { families } from './table.ts'

const now = new Date(Math.floor(Date.now() / 1000) * 1000)
const RUNS = Number(process.env.PLI_PROPERTY_RUNS ?? 150)

/** Changes that leave the letter a letter, and hold its one document whatever else is changed; two of one family may undo each other. */
const HOLDING = ['masks', 'identity', 'metadata', 'authors'].map(family =>
  (families[family] ?? []).filter(each => {
    const levels = bendsOf(each).flatMap(bend => Object.keys(bend))
    const isPlain = levels.every(level => ['options', 'cda', 'metadata', 'marks', 'sender', 'bytes'].includes(level))
    return isPlain && each.expect.length === 1 && each.expect[0]?.startsWith('held') && !each.production && !each.worker
  }),
)

test('what holds alone holds in every company', async () => {
  expect(HOLDING.map(each => each.length).filter(each => each < 5)).toEqual([])
  const three = fc.tuple(...HOLDING.map(each => fc.option(fc.constantFrom(...each))))
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 2, maxLength: 3 }), three, async (which, cases) => {
      const chosen = which.flatMap(each => cases[each] ?? [])
      fc.pre(chosen.length > 0)
      const verdicts = await build(chosen.flatMap(bendsOf), 7777, now).then(
        built => verdictsOf(built, now),
        error => (error instanceof NothingToBend ? undefined : Promise.reject(error)),
      )
      fc.pre(verdicts !== undefined)
      expect(
        verdicts.filter(each => !each.startsWith('held')),
        chosen.map(each => each.name).join(' + '),
      ).toEqual([])
    }),
    { numRuns: RUNS },
  )
}, 120_000)

/** Octets of the CDA or of the archive are changed where the letter is made: nothing after it agrees by chance. */
function damaged(where: 'document' | 'archive' | 'message', flips: readonly { at: number; to: number }[]): Bend {
  const damage = (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    for (const { at, to } of flips) copy[Math.floor(at * copy.length)] = to
    return copy
  }
  if (where === 'document') return { bytes: damage }
  return where === 'archive' ? { zip: damage } : { eml: damage }
}

test('whatever octets are changed, what is filed is of the same patient, or nothing is filed', async () => {
  const flip = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), to: fc.integer({ min: 0, max: 255 }) })
  const where = fc.constantFrom('document' as const, 'archive' as const, 'message' as const)
  await fc.assert(
    fc.asyncProperty(where, fc.array(flip, { minLength: 1, maxLength: 6 }), async (place, flips) => {
      const good = await build([], 7778, now)
      const bad = await build([damaged(place, flips)], 7778, now)
      const recognition = await recogniseMessage(bad.eml, DEFAULT_LIMITS)
      for (const document of recognition.documents) {
        if (decide(document, recognition, sender, policy, { now }).action !== 'file') continue
        const { ins } = document.cda?.patient ?? {}
        const isSame = place !== 'document' && Buffer.from(document.content).equals(good.made.main!.bytes)
        expect(isSame || `${ins?.matricule}^^^&${ins?.oid}&ISO^NH` === good.made.main?.patientId).toBe(true)
        // Whatever carries it, a document is filed with the octets that were made, or not at all.
        expect(Buffer.from(document.content).equals(bad.made.main!.bytes)).toBe(true)
      }
    }),
    { numRuns: RUNS * 2 },
  )
}, 120_000)
