import { type FictionalPatient, insWithKey, samplePatient } from '../../../world/letter.ts'
import { type Bend, build, type Made } from '../mutations/bend.ts'
import { bendsOf } from '../mutations/case.ts'
import { identity } from '../mutations/cases-identity.ts'
import { masks } from '../mutations/cases-masks.ts'
import { patients as twoPatients } from '../mutations/cases-patients.ts'
import type { Dice } from './dice.ts'

/** One message of the day. */
export interface Letter {
  id: string
  /** milliseconds after the start of the day */
  at: number
  kind: 'single' | 'several' | 'replacement' | 'again' | 'bad'
  eml: Buffer
  /** what may be filed of it */
  made: readonly Made[]
}

const DAY = 86_400_000

export const people: readonly FictionalPatient[] = Array.from({ length: 24 }, (_, index) => ({
  ...samplePatient,
  ins: insWithKey(`28403751143${String(10 + index)}`),
  firstName: ['AGATHE', 'KARINE', 'MAUD'][index % 3]!,
  birthName: ['LISERON', 'COUDRIER', 'MUGUET', 'DIGITALE'][index % 4]!,
}))

/** Of which nothing may be filed, whatever the DMP does. */
const BAD = [...masks, ...identity, ...twoPatients].filter(each => each.expect.every(one => one.startsWith('held')) && !each.production)

/** @returns the messages of one structure, in the order of their arrival; in the middle of the morning many come at once */
export async function lettersOf(count: number, dice: Dice, now: Date): Promise<Letter[]> {
  const times = Array.from({ length: count }, () =>
    Math.floor(dice.next() < 0.1 ? 9.5 * 3_600_000 + dice.next() * 2000 : dice.next() * DAY),
  )
  const letters: Letter[] = []
  /** what may be replaced next, each once */
  const latest: { made: Made; patient: FictionalPatient; set: string; version: number; at: number }[] = []
  for (const [index, at] of times.sort((a, b) => a - b).entries()) {
    const rolled = dice.next()
    const old = latest.findIndex(each => each.at < at - 600_000)
    const patient = dice.pick(people)
    const kind =
      rolled < 0.1 ? 'several' : rolled < 0.22 && old >= 0 ? 'replacement' : rolled < 0.27 && letters.length > 0 ? 'again' : 'single'
    if (rolled > 0.88) {
      letters.push({ id: `m${index}`, at, kind: 'bad', eml: (await build(bendsOf(dice.pick(BAD)), index, now)).eml, made: [] })
    } else if (kind === 'again') {
      letters.push({ ...dice.pick(letters), id: `m${index}`, at, kind: 'again', made: [] })
    } else {
      const parent = kind === 'replacement' ? latest.splice(old, 1)[0] : undefined
      const bend = parent
        ? { options: { patient: parent.patient, setId: parent.set, version: parent.version + 1, replaces: parent.made.uniqueId } }
        : kind === 'several'
          ? several(patient, 1 + dice.below(2))
          : { options: { patient } }
      const built = await build([bend], index, now)
      const made = Object.values(built.made)
      letters.push({ id: `m${index}`, at, kind, eml: built.eml, made })
      const [main] = made
      if (main && kind !== 'several')
        latest.push({
          made: main,
          at,
          patient: parent?.patient ?? patient,
          set: parent?.set ?? main.uniqueId,
          version: (parent?.version ?? 1) + (parent ? 1 : 0),
        })
    }
  }
  return letters
}

/** Further documents of the same patient in the same archive. */
function several(patient: FictionalPatient, more: number): Bend {
  return {
    options: { patient },
    documents: scene =>
      Array.from({ length: more }, (_, index) => {
        const uniqueId = scene.oid(10 + index)
        return { uri: `DOC001${index}.XML`, uniqueId, content: scene.make(`more${index}`, { uniqueId, patient, title: `Suite ${index}` }) }
      }),
  }
}
