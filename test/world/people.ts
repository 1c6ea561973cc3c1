import { idNatPs, luhnKey } from '../../directory/identifiers.ts'
import type { NewBal } from '../../directory/index.ts'
import { sampleAuthor } from './letter-people.ts'
import { EXAMPLE_PLACE, type FictionalPlace, HOSPITALS, PRACTICES } from './places.ts'

/** Mail domains of the two operators of the local trust space. */
export const DOMAINS = { alpha: 'alpha.mssante.example', beta: 'beta.mssante.example' } as const

export type Operator = keyof typeof DOMAINS

/** A box of the local trust space and its holder, as the national extract describes them. Nobody in it exists. */
export interface FictionalBox {
  address: string
  operator: Operator
  type: 'PER' | 'ORG'
  place: FictionalPlace
  /** As shown: `Dr Claire EXEMPLE`, or `Chirurgie, Centre hospitalier …`. */
  name: string
  /** Of a PER box. */
  person?: FictionalProfessional
  /** Of an ORG box. */
  service?: string
}

export interface FictionalProfessional {
  rpps: string
  title: 'DR' | 'MME' | 'M'
  firstName: string
  lastName: string
  profession: { code: string; label: string }
  skill?: { code: string; label: string }
}

const FIRST_NAMES = [
  ...['Agathe', 'Basile', 'Céleste', 'Damien', 'Éléonore', 'Fabrice', 'Gaëlle', 'Hugo', 'Inès', 'Joël', 'Karine', 'Loïc'],
  ...['Maïwenn', 'Noé', 'Océane', 'Perrine', 'Quentin', 'Rosalie', 'Sylvain', 'Théodore', 'Ursule', 'Valère', 'Yaël', 'Zoé'],
]

/** Words of a workshop and of a botanist, no family's names. */
const LAST_NAMES = [
  ...['Modèle', 'Gabarit', 'Spécimen', 'Maquette', 'Ébauche', 'Canevas', 'Esquisse', 'Prototype', 'Échantillon', 'Simulacre'],
  ...['Aubépine', 'Bruyère-Fictive', 'Coudrier', 'Digitale', 'Églantine', 'Fougère', "D'Ancolie", 'Houx-Modèle', 'Liseron', 'Muguet'],
]

const GENERAL = { code: 'SM54', label: 'Médecine générale' }

/** Codes of TRE_G15 and TRE_R38. Four in ten are general practitioners. */
const PROFESSIONS: readonly Pick<FictionalProfessional, 'profession' | 'skill'>[] = [
  { profession: { code: '10', label: 'Médecin' }, skill: GENERAL },
  { profession: { code: '60', label: 'Infirmier' } },
  { profession: { code: '10', label: 'Médecin' }, skill: GENERAL },
  { profession: { code: '10', label: 'Médecin' }, skill: { code: 'SM04', label: 'Cardiologie et maladies vasculaires' } },
  { profession: { code: '21', label: 'Pharmacien' } },
  { profession: { code: '10', label: 'Médecin' }, skill: GENERAL },
  { profession: { code: '10', label: 'Médecin' }, skill: { code: 'SM41', label: 'Pneumologie' } },
  { profession: { code: '70', label: 'Masseur-Kinésithérapeute' } },
  { profession: { code: '10', label: 'Médecin' }, skill: GENERAL },
  { profession: { code: '50', label: 'Sage-Femme' } },
]

const SERVICES = ['Chirurgie', 'Cardiologie', 'Pneumologie', 'Urgences', 'Maternité', 'Laboratoire de biologie', 'Secrétariat médical']

/** Author of published example documents (RPPS 01234567897, structure 1750803447), under a name of ours. */
export const publishedAuthor: FictionalBox = personBox('alpha', EXAMPLE_PLACE, {
  rpps: '01234567897',
  title: 'DR',
  firstName: 'Claire',
  lastName: 'Exemple',
  profession: { code: '10', label: 'Médecin' },
  skill: GENERAL,
})

/** The author of the sample letters, at operator alpha. */
export const letterAuthor: FictionalBox = personBox(
  'alpha',
  {
    ...EXAMPLE_PLACE,
    idNatStruct: sampleAuthor.structure.id,
    finess: sampleAuthor.structure.id.slice(1),
    name: sampleAuthor.structure.name,
    slug: 'cabinet-fictif',
  },
  {
    rpps: sampleAuthor.rpps,
    title: 'DR',
    firstName: sampleAuthor.firstName,
    lastName: sampleAuthor.lastName,
    profession: { code: '10', label: 'Médecin' },
    skill: GENERAL,
  },
)

/**
 * The boxes of both operators: the two authors above, `count` professionals (even ones at alpha, odd ones at beta), the
 * services of the hospitals (at beta) and the secretariats of the practices (at alpha). Always the same for the same arguments.
 * @param options.seed shifts who is called what and works where
 */
export function buildPeople(options: { count?: number; seed?: number } = {}): FictionalBox[] {
  const { count = 300, seed = 1 } = options
  const people = Array.from({ length: count }, (_, rank) => professional(rank, seed))
  const services = HOSPITALS.flatMap(place => SERVICES.map(service => serviceBox('beta', place, service)))
  const secretariats = PRACTICES.map(place => serviceBox('alpha', place, 'Secrétariat'))
  return [publishedAuthor, letterAuthor, ...people, ...services, ...secretariats]
}

/** @returns what an operator creates the box from */
export function balOf({ address, type, place, name, person }: FictionalBox): NewBal {
  const whose = person ? { rpps: person.rpps, idNatPs: idNatPs(person.rpps) } : { responsible: 'Dr Maud RESPONSABLE-FICTIVE' }
  return { address, type, name, structures: [place.idNatStruct], ...whose }
}

function professional(rank: number, seed: number): FictionalBox {
  const turn = rank + seed - 1
  const firstName = pick(FIRST_NAMES, turn)
  // Every pair of names comes once before any comes again; a second holder gets a number, as operators do.
  const lastName = pick(LAST_NAMES, turn + 3 * Math.floor(turn / FIRST_NAMES.length))
  const again = Math.floor(rank / (FIRST_NAMES.length * LAST_NAMES.length))
  const role = pick(PROFESSIONS, turn)
  const stem = `899${String(seed % 100).padStart(2, '0')}${String(rank).padStart(5, '0')}`
  const title = role.profession.code === '10' ? 'DR' : turn % 2 === 0 ? 'MME' : 'M'
  const place = pick([...PRACTICES, ...HOSPITALS], turn)
  return personBox(rank % 2 === 0 ? 'alpha' : 'beta', place, { rpps: stem + luhnKey(stem), title, firstName, lastName, ...role }, again)
}

function personBox(operator: Operator, place: FictionalPlace, person: FictionalProfessional, again = 0): FictionalBox {
  const local = `${slug(person.firstName)}.${slug(person.lastName)}${again > 0 ? again + 1 : ''}`
  const title = { DR: 'Dr', MME: 'Mme', M: 'M.' }[person.title]
  const name = `${title} ${person.firstName} ${person.lastName.toUpperCase()}`
  return { address: `${local}@${DOMAINS[operator]}`, operator, type: 'PER', place, name, person }
}

function serviceBox(operator: Operator, place: FictionalPlace, service: string): FictionalBox {
  const address = `${slug(service)}.${place.slug}@${DOMAINS[operator]}`
  return { address, operator, type: 'ORG', place, service, name: `${service}, ${place.name}` }
}

/** @returns the text as it stands in an address: lower case, no accents, hyphens between words */
function slug(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
  return plain.replace(/[^a-z0-9]+/g, '-')
}

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length] as T
}
