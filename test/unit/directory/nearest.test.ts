import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { editDistance } from '../../../directory/edit-distance.ts'
import { type Directory, importExtract, openDirectory } from '../../../directory/index.ts'
import { writeExtract } from '../../world/extract.ts'
import { withLuhn } from '../../world/letter.ts'
import { type FictionalBox, publishedAuthor } from '../../world/people.ts'
import { HOSPITALS } from '../../world/places.ts'

const ALPHA = 'alpha.mssante.example'
const BETA = 'beta.mssante.example'

function box(local: string, domain: string, serial: number, [firstName, lastName]: [string, string]): FictionalBox {
  const rpps = withLuhn(`8980000${String(serial).padStart(3, '0')}`)
  return { ...publishedAuthor, address: `${local}@${domain}`, person: { ...publishedAuthor.person!, rpps, firstName, lastName } }
}

function service(local: string, domain: string, name: string): FictionalBox {
  const { person: _, ...rest } = {
    ...publishedAuthor,
    type: 'ORG' as const,
    address: `${local}@${domain}`,
    place: HOSPITALS[0]!,
    service: name,
  }
  return rest
}

const listed = [
  box('claire.gabarit', ALPHA, 1, ['Claire', 'Gabarit']),
  box('eleonore.d-ancolie', ALPHA, 2, ['Éléonore', "D'Ancolie"]),
  // one person, two operators
  box('zoe.specimen', ALPHA, 3, ['Zoé', 'Spécimen']),
  box('zoe.specimen', 'beta2.mssante.example', 3, ['Zoé', 'Spécimen']),
  // two persons of one name
  box('noe.canevas', ALPHA, 4, ['Noé', 'Canevas']),
  box('noe.canevas2', ALPHA, 5, ['Noé', 'Canevas']),
  // names that differ by a letter
  box('paul.maquette', ALPHA, 6, ['Paul', 'Maquette']),
  box('paule.ebauche', BETA, 7, ['Paule', 'Ébauche']),
  // two that a slip could mean
  box('hugo.modelin', ALPHA, 8, ['Hugo', 'Modelin']),
  box('hugo.modelon', ALPHA, 9, ['Hugo', 'Modelon']),
  box('j.fougere', ALPHA, 10, ['Joël', 'Fougère']),
  service('chirurgie.ch-beauval', BETA, 'Chirurgie'),
  service('nephrologie.ch-beauval', BETA, 'Néphrologie'),
  service('neurologie.ch-clairlande', BETA, 'Neurologie'),
  service('secretariat', BETA, 'Secrétariat'),
  service('bal7', BETA, 'Accueil'),
]

let folder: string
let directory: Directory

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-nearest-'))
  await writeExtract(join(folder, 'extract.txt'), listed)
  await importExtract(join(folder, 'extract.txt'), join(folder, 'directory.db'), { now: new Date() })
  directory = openDirectory(join(folder, 'directory.db'))
})

afterAll(() => {
  directory.close()
  rmSync(folder, { recursive: true })
})

describe('clearly meant', () => {
  test.each([
    ['the same person at another domain', `claire.gabarit@${BETA}`, `claire.gabarit@${ALPHA}`],
    ['a slip in the domain', 'claire.gabarit@alpha.mssante.exmple', `claire.gabarit@${ALPHA}`],
    ['a compound name at another domain', `eleonore.d-ancolie@${BETA}`, `eleonore.d-ancolie@${ALPHA}`],
    ['a letter left out', `claire.gabrit@${ALPHA}`, `claire.gabarit@${ALPHA}`],
    ['the first letter left out', `laire.gabarit@${ALPHA}`, `claire.gabarit@${ALPHA}`],
    ['two letters swapped', `claire.gabarti@${ALPHA}`, `claire.gabarit@${ALPHA}`],
    ['no dot', `clairegabarit@${ALPHA}`, `claire.gabarit@${ALPHA}`],
    ['the nearer one of the two boxes of a person', 'zoe.specimen@beta.mssante.example', 'zoe.specimen@beta2.mssante.example'],
    ['a slip in the name of a place', `chirurgie.ch-beauvl@${BETA}`, `chirurgie.ch-beauval@${BETA}`],
  ])('%s', (_, asked, meant) => expect(directory.nearest(asked)?.address).toBe(meant))
})

describe('in doubt', () => {
  test.each([
    ['homonyms elsewhere', `noe.canevas@${BETA}`],
    ['homonyms here', `noe.canevs@${ALPHA}`],
    ['another number', `noe.canevas3@${ALPHA}`],
    ['a number too many', `claire.gabarit2@${ALPHA}`],
    ['a first name that others bear', `paule.maquette@${ALPHA}`],
    ['two equally near', `hugo.modelan@${ALPHA}`],
    ['two, one of them nearer', `hugo.modelinn@${ALPHA}`],
    ['another initial', `l.fougere@${ALPHA}`],
    ['another service that exists', `neurologie.ch-beauval@${BETA}`],
    ['the same function at another domain', `secretariat@${ALPHA}`],
    ['another numbered box', `bal8@${BETA}`],
    ['three letters wrong', `claire.gabaxyz@${ALPHA}`],
    ['two boxes of a person, equally far', 'zoe.specimen@a.b'],
    ['an address of a patient', '279035121518989@patient.mssante.fr'],
    ['no address', 'claire.gabarit'],
    ['nothing before the sign', `@${ALPHA}`],
    ['an endless one', `${'a'.repeat(100_000)}@${ALPHA}`],
  ])('%s: nobody', (_, asked) => expect(directory.nearest(asked)).toBeUndefined())

  test('an address that is listed is not its own neighbour', () => {
    expect(directory.nearest(`claire.gabarit@${ALPHA}`)).toBeUndefined()
  })
})

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', 'ab', 1],
  ['abc', 'xbc', 1],
  ['abc', 'acb', 2],
  ['abc', 'xyz', 3],
  ['abcd', 'xyzt', 3],
  ['a', 'abcdef', 3],
])('%j and %j are %d apart, as far as 2 is counted', (one, other, distance) => {
  expect(editDistance(one, other, 2)).toBe(distance)
  expect(editDistance(other, one, 2)).toBe(distance)
})
