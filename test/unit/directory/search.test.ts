import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Directory, importExtract, openDirectory } from '../../../directory/index.ts'
import { indexedWords } from '../../../directory/search-text.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { writeExtract } from '../../world/extract.ts'
import { withLuhn } from '../../world/letter.ts'
import { type FictionalBox, publishedAuthor } from '../../world/people.ts'
import { HOSPITALS, PRACTICES } from '../../world/places.ts'

const CARDIOLOGY = { code: 'SM04', label: 'Cardiologie et maladies vasculaires' }
let serial = 0

/** A doctor of a name, at a place. */
function doctor(
  firstName: string,
  lastName: string,
  place = PRACTICES[0]!,
  skill = { code: 'SM54', label: 'Médecine générale' },
): FictionalBox {
  const rpps = withLuhn(`8980000${String(++serial).padStart(3, '0')}`)
  const person = { ...publishedAuthor.person!, rpps, firstName, lastName, skill }
  return { ...publishedAuthor, address: `bal${serial}@alpha.mssante.example`, place, person, name: '' }
}

const surgery: FictionalBox = {
  ...publishedAuthor,
  address: 'chirurgie.ch-beauval@beta.mssante.example',
  type: 'ORG',
  place: HOSPITALS[0]!,
  service: 'Chirurgie cardiaque',
}
delete surgery.person

const saintTown = { ...PRACTICES[2]!, town: 'SAINT-MODÈLE', name: 'Cabinet des Œillets' }
const people = {
  modele: doctor('Éléonore', 'Modèle', PRACTICES[1]),
  modelein: doctor('Zoé', 'Modelein', PRACTICES[1]),
  inTown: doctor('Agathe', 'Gabarit', saintTown),
  compound: doctor('Jean-Noël', "D'Ancolie-Fictive", HOSPITALS[0], CARDIOLOGY),
  canevas: doctor('Maïwenn', 'Canevas', HOSPITALS[1]),
}

let folder: string
let directory: Directory

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-search-'))
  await writeExtract(join(folder, 'extract.txt'), [surgery, ...Object.values(people)])
  await importExtract(join(folder, 'extract.txt'), join(folder, 'directory.db'), { now: new Date() })
  directory = openDirectory(join(folder, 'directory.db'))
})

afterAll(() => {
  directory.close()
  rmSync(folder, { recursive: true })
})

/** @returns the keys of who was found, in their order */
function who(text: string, limit?: number): string[] {
  const keys = Object.fromEntries([['surgery', surgery] as const, ...Object.entries(people)].map(([key, { address }]) => [address, key]))
  return directory.search(text, limit === undefined ? {} : { limit }).map(({ address }) => keys[address]!)
}

describe('every word that describes a box finds it', () => {
  test.each([
    ['canevas', 'canevas'],
    ['CANEVAS maiwenn', 'canevas'],
    ['maïwenn clairlande', 'canevas'],
    ['33999 canevas', 'canevas'],
    ['dr canevas', 'canevas'],
    ['canevas dr', 'canevas'],
    ['jean-noël', 'compound'],
    ['noel jean', 'compound'],
    ["d'ancolie", 'compound'],
    ['d’ancolie', 'compound'],
    ['dancolie', 'compound'],
    ['ancolie cardio beauval', 'compound'],
    ['vasculaires', 'compound'],
    ['st modele agathe', 'inTown'],
    ['oeillets', 'inTown'],
    ['œillets', 'inTown'],
    ['chirurgie beauval', 'surgery'],
    ['cardiaque hospitalier', 'surgery'],
  ])('%s', (text, key) => expect(who(text)).toEqual([key]))

  test('letter by letter, from the first on', () => {
    for (let length = 1; length <= 'maiwenn canevas'.length; length++) expect(who('maiwenn canevas'.slice(0, length))).toContain('canevas')
  })

  test('each word may be unfinished, in any order', () => {
    expect(who('cane mai')).toEqual(['canevas'])
    expect(who('clairl maiw canev')).toEqual(['canevas'])
  })
})

describe('the order', () => {
  test('a whole name comes before a town, a town before the beginning of a name', () => {
    expect(who('modele')).toEqual(['modele', 'inTown', 'modelein'])
    expect(who('model')).toEqual(['modele', 'modelein', 'inTown'])
  })

  test('what is equal stands in the order of the alphabet, accents apart', () => {
    expect(who('alpha')).toEqual([])
    expect(who('medecin')).toEqual(['canevas', 'compound', 'inTown', 'modele', 'modelein'])
  })

  test('the limit keeps the best', () => {
    expect(who('modele', 1)).toEqual(['modele'])
    expect(who('medecin', 2)).toEqual(['canevas', 'compound'])
  })
})

test('the beginning of an address finds addresses', () => {
  expect(directory.search('bal1@').map(({ address }) => address)).toEqual(['bal1@alpha.mssante.example'])
  expect(directory.search('Chirurgie.ch-beauval@beta.mss')).toHaveLength(1)
  expect(directory.search('@alpha')).toEqual([])
})

test.each([
  '',
  ' ',
  '"',
  'a" OR "b',
  '*',
  'NOT',
  'who : x',
  "'; DROP TABLE box",
  '\0',
  'NEAR(a b)',
  '- -',
  '\u{1F600}',
  'x'.repeat(100_000),
  'q '.repeat(50_000),
])('a text that is no name finds nobody, and breaks nothing (case %#)', text => expect(directory.search(text)).toEqual([]))

test('whatever is typed, the answer is a list', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'amé\'-"*()^:+{}\\\0 þ²ªßœ\u0301\u{1E900}\u{1F600}中') })
  fc.assert(fc.property(fc.oneof(letters, fc.string({ unit: 'binary' })), text => Array.isArray(directory.search(text))))
  fc.assert(fc.property(letters, letters, (local, domain) => directory.nearest(`${local}@${domain}`) === undefined))
})

test.each([0, -1, 1e9, Number.NaN])('a limit of %d is brought into bounds', limit => {
  expect(directory.search('medecin', { limit }).length).toBeGreaterThan(0)
})

test('a listing says all that the extract says of the box', () => {
  expect(directory.search('canevas')[0]).toEqual({
    address: people.canevas.address,
    type: 'PER',
    rpps: people.canevas.person?.rpps,
    idNatPs: `8${people.canevas.person?.rpps}`,
    idNatStruct: HOSPITALS[1]?.idNatStruct,
    name: 'DR MAÏWENN CANEVAS',
    profession: 'Médecin',
    speciality: 'Médecine générale',
    structure: HOSPITALS[1]?.name,
    place: '33999 CLAIRLANDE-LE-FICTIF',
    department: '33',
    paperless: true,
  })
  expect(directory.find(surgery.address)).toMatchObject({ type: 'ORG', service: 'Chirurgie cardiaque', structure: HOSPITALS[0]?.name })
})

test('boxes are found by their person and by their structure', () => {
  const addresses = (found: { address: string }[]) => found.map(({ address }) => address)
  expect(addresses(directory.byPerson(people.modele.person?.rpps ?? ''))).toEqual([people.modele.address])
  expect(addresses(directory.byStructure(HOSPITALS[0]!.idNatStruct))).toEqual([people.compound.address, surgery.address])
  expect([directory.byPerson(''), directory.byStructure(''), directory.byPerson('%')]).toEqual([[], [], []])
})

test('a line of one endless word costs no more than any other', () => {
  const spent = cpuClock()
  expect(indexedWords('a'.repeat(60_000))).toHaveLength(1)
  expect(indexedWords(`${'a'.repeat(60_000)}-b`)).toHaveLength(3)
  expect(spent()).toBeLessThan(1_000)
})
