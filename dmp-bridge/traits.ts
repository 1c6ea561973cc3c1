import type { PatientFacts } from './facts.ts'
import { attribute, children, find, findAll, textOf, type XmlElement } from './xml.ts'

/** The traits that tell whether an INS is really this patient's (spec dmp §8.5). What is not known is absent. */
export type Traits = Pick<PatientFacts, 'birthName' | 'firstName' | 'birthDate' | 'sex'>

/** @returns the traits of the patient in the answer to TD0.2 (PRPA_IN201308UV02); absent ones are no contradiction */
export function existenceTraits(content: XmlElement): Traits {
  const person = findAll(content, 'patientPerson')[0]
  const name = children(person, 'name')[0]
  const family = children(name, 'family').find(each => attribute(each, 'qualifier') === 'BR')
  const given = children(name, 'given')
  const first = given.find(each => attribute(each, 'qualifier') === 'BR') ?? given[0]
  return defined({
    birthName: textOf(family),
    firstName: textOf(first),
    birthDate: attribute(find(person, 'birthTime'), 'value')?.slice(0, 8),
    sex: attribute(find(person, 'administrativeGenderCode'), 'code'),
  })
}

/** @returns whether no trait that both know contradicts the other; case, accents, hyphens and apostrophes don't count in names */
export function agree(one: Traits, two: Traits): boolean {
  const same = (a: string | undefined, b: string | undefined) => a === undefined || b === undefined || a === b
  return (
    same(one.birthDate?.slice(0, 8), two.birthDate?.slice(0, 8)) &&
    same(one.sex, two.sex) &&
    same(plainName(one.birthName), plainName(two.birthName)) &&
    sameFirst(plainName(one.firstName), plainName(two.firstName))
  )
}

/** One source gives the first birth first-name, another may give the whole list: the shorter begins the longer. */
function sameFirst(one: string | undefined, two: string | undefined): boolean {
  if (one === undefined || two === undefined) return true
  const [short, long] = one.length <= two.length ? [one, two] : [two, one]
  return long === short || long.startsWith(`${short} `)
}

/** @returns a text that is the same for traits that agree word for word, to be hashed and compared later */
export function canonicalTraits(traits: Traits): string {
  return [plainName(traits.birthName), plainName(traits.firstName), traits.birthDate?.slice(0, 8), traits.sex]
    .map(each => each ?? '')
    .join('|')
}

function plainName(name: string | undefined): string | undefined {
  const plain = name
    ?.normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, ' ')
    .trim()
  return plain || undefined
}

function defined(traits: { [K in keyof Traits]: string | undefined }): Traits {
  return Object.fromEntries(Object.entries(traits).filter(([, value]) => value !== undefined))
}
