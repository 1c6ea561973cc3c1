import { Readable } from 'node:stream'
import { luhnKey } from '../../directory/identifiers.ts'
import { EXTRACT_HEADER, writeText } from '../world/extract.ts'
import type { Activity } from '../world/libre-acces.ts'

/** A box of the generated extract, as a test knows it. */
export interface KnownBox {
  address: string
  lastName: string
  firstName: string
  town: string
}

export interface GeneratedExtract {
  lines: number
  /** 0 for the first; each further one loses, gains and changes a hundredth of the boxes. */
  edition: number
}

/**
 * Writes an extract shaped like the real one: names, towns and domains as unequal as life (one name in a thousand has a hundred
 * holders, the largest domain a tenth of the boxes), a tenth of services, lines that repeat an address. Every name is made of
 * syllables. Always the same for the same arguments.
 */
export async function writeLargeExtract(file: string, extract: GeneratedExtract): Promise<void> {
  await writeText(file, Readable.from(batches(extract)))
}

/** @returns every hundredth professional, who is in all editions unchanged */
export function knownBoxes(lines: number): KnownBox[] {
  return Array.from({ length: Math.floor(lines / 100) }, (_, at) => boxAt(at * 100 + KEPT)).flatMap(({ person, address, place }) =>
    person ? [{ address, ...person, town: place.town }] : [],
  )
}

/** Of each hundred boxes: the one that leaves (another comes in its stead), the one that moves, the one that stays for sure. */
const [LEAVES, MOVES, KEPT] = [7, 8, 50]
const BATCH = 2000

function* batches({ lines, edition }: GeneratedExtract): Generator<Buffer> {
  yield Buffer.from(`${EXTRACT_HEADER}\n`)
  for (let from = 0; from < lines; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, lines - from) }, (_, at) => lineAt(from + at, lines, edition))
    yield Buffer.from(`${batch.join('\n')}\n`)
  }
}

function lineAt(number: number, lines: number, edition: number): string {
  const turn = number % 100
  if (turn === LEAVES && edition > 0) return line(boxAt(number + lines * edition))
  if (turn === MOVES && edition > 0) return line({ ...boxAt(number), place: placeAt(number + edition) })
  return line(boxAt(number))
}

interface Place {
  town: string
  postcode: string
  finess: string
  structure: string
}

interface GeneratedBox {
  address: string
  place: Place
  rpps: string
  role: (typeof ROLES)[number]
  person?: { lastName: string; firstName: string }
  service?: string
}

/** A sequence of numbers of its own for each box, so that no box depends on the ones before it. */
function dice(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const BEGINNINGS = 'b,c,d,f,g,l,m,n,p,r,s,t,v,br,ch,gr,tr,pl'.split(',')
const VOWELS = 'a,e,i,o,u,é,ou,an,on,in,eau'.split(',')
const ENDS = ['', '', 'n', 'r', 's', 't', 'l', 'x', 'rd']

function words(count: number, seed: number, syllables: number): string[] {
  const roll = dice(seed)
  const pick = (list: readonly string[]) => list[Math.floor(roll() * list.length)] as string
  const found = new Set<string>()
  while (found.size < count) {
    const parts = Array.from({ length: syllables + Math.floor(roll() * 2) }, () => pick(BEGINNINGS) + pick(VOWELS))
    found.add(parts.join('') + pick(ENDS))
  }
  return [...found].map(word => word.toUpperCase())
}

/** @returns two practices of a professional, the first of them where the extract has the box */
export function activitiesAt(number: number): Activity[] {
  const { rpps, role, place } = boxAt(number)
  const [code, label, skill, skillLabel] = role
  const common = {
    rpps,
    profession: [code, label] as [string, string],
    skill: (skill ? ['S', skill, skillLabel] : ['', '', '']) as [string, string, string],
  }
  return [place, placeAt(number + 5e8)].map(({ finess, postcode, town }) => ({
    ...common,
    finess,
    postcode,
    town,
    department: postcode.slice(0, 2),
  }))
}

const LAST_NAMES = words(60_000, 1, 2).map((name, at, all) => (at % 20 === 19 ? `${name}-${all[at - 1]}` : name))
const FIRST_NAMES = words(400, 2, 1).map((name, at, all) => (at % 10 === 9 ? `${name}-${all[at - 1]}` : name))
const TOWNS = words(6000, 3, 2).map((name, at) => (at % 4 === 3 ? `SAINT-${name}` : name))
const SERVICES = ['Chirurgie', 'Cardiologie', 'Pneumologie', 'Urgences', 'Maternité', 'Laboratoire de biologie', 'Secrétariat médical']
const STRUCTURES = ['Cabinet médical de', 'Maison de santé de', 'Centre hospitalier de', 'Pharmacie de', 'Clinique de']
const ROLES = [
  ['10', 'Médecin', 'SM54', 'Médecine générale'],
  ['60', 'Infirmier', '', ''],
  ['10', 'Médecin', 'SM04', 'Cardiologie et maladies vasculaires'],
  ['70', 'Masseur-Kinésithérapeute', '', ''],
  ['21', 'Pharmacien', '', ''],
  ['10', 'Médecin', 'SM41', 'Pneumologie'],
  ['40', 'Chirurgien-Dentiste', '', ''],
  ['50', 'Sage-Femme', '', ''],
] as const
const DOMAINS = 2000

/** The first of a list come much more often than the last. */
function unequal<T>(list: readonly T[], roll: () => number): T {
  return list[Math.floor(roll() ** 3 * list.length)] as T
}

function placeAt(number: number): Place {
  const roll = dice(number + 1e9)
  const at = Math.floor(roll() ** 3 * TOWNS.length)
  const town = TOWNS[at] as string
  const stem = `75${String(100_000 + Math.floor(roll() * 60_000))}`
  const structure = `${STRUCTURES[Math.floor(roll() * STRUCTURES.length)]} ${town}`
  return { town, postcode: String(10_000 + at * 13).slice(0, 5), finess: stem + luhnKey(stem), structure }
}

function boxAt(number: number): GeneratedBox {
  const roll = dice(number)
  const stem = `8${String(number % 1e9).padStart(9, '0')}`
  const common = { place: placeAt(number), rpps: stem + luhnKey(stem), role: unequal(ROLES, roll) }
  const domain = `op${Math.floor(roll() ** 4 * DOMAINS)}.mssante.example`
  if (roll() < 0.1) {
    const service = unequal(SERVICES, roll)
    return { ...common, address: `${plain(service)}.${number}@${domain}`, service }
  }
  const person = { lastName: unequal(LAST_NAMES, roll), firstName: unequal(FIRST_NAMES, roll) }
  // Operators number those who share a name; numbering all of three quarters leaves some hundred addresses on several lines, as in reality.
  const again = number % 4 === 0 && number % 100 !== KEPT ? '' : number.toString(36)
  return { ...common, address: `${plain(person.firstName)}.${plain(person.lastName)}${again}@${domain}`, person }
}

function plain(text: string): string {
  const ascii = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
  return ascii.replace(/[^a-z0-9]+/g, '-')
}

function line({ address, place, rpps, role, person, service = '' }: GeneratedBox): string {
  const identity = person ? `8|${rpps}|8${rpps}` : '||'
  const holder = person ? `DR|${person.lastName}|${person.firstName}|C|Civil|${role.join('|')}|O` : '||||||||||N'.slice(1)
  return `${person ? 'PER' : 'ORG'}|${address}|${identity}|FINESS|${place.finess}|${service}|${holder}|${place.structure}||||1||RUE|DE L'EXEMPLE||${place.postcode} ${place.town}|${place.postcode}|${place.postcode.slice(0, 2)}|France`
}
