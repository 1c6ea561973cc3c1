import type { PatientFacts } from './facts.ts'
import { attribute, children, findAll, textOf, type XmlElement } from './xml.ts'

/** The traits that tell whether an INS is really this patient's (spec dmp §8.5). What is not known is absent. */
export type Traits = Pick<PatientFacts, 'birthName' | 'firstName' | 'birthDate' | 'sex'>

/**
 * The traits of the one patient in the answer to TD0.2 (PRPA_IN201308UV02). All his names are searched: the birth name is the one that
 * is qualified so, else the one without a qualifier.
 * @returns absent is what isn't said, or said in several ways
 */
export function existenceTraits(content: XmlElement): Traits {
  const [person, ...others] = findAll(content, 'patientPerson')
  if (others.length > 0) return {}
  const names = children(person, 'name')
  return defined({
    birthName: onlyOne(bornAs(names, 'family').map(textOf)),
    firstName: textOf(bornAs(names, 'given')[0]),
    birthDate: onlyOne(findAll(person, 'birthTime').map(each => attribute(each, 'value')?.slice(0, 8))),
    sex: onlyOne(findAll(person, 'administrativeGenderCode').map(each => attribute(each, 'code'))),
  })
}

/** Without any birth name among the parts, a used or a spouse's name is still none. */
function bornAs(names: readonly XmlElement[], part: 'family' | 'given'): XmlElement[] {
  const all = names.flatMap(name => children(name, part)).filter(each => textOf(each) !== undefined)
  const born = all.filter(each => attribute(each, 'qualifier')?.split(/\s+/).includes('BR'))
  return born.length > 0 ? born : all.filter(each => attribute(each, 'qualifier') === undefined)
}

function onlyOne(values: readonly (string | undefined)[]): string | undefined {
  const [first, ...others] = values
  return others.every(other => plainName(other) === plainName(first)) ? first : undefined
}

/** @returns whether both know the birth name and the date of birth: silence confirms nobody (EX_GEN-1270) */
export function confirm(one: Traits, two: Traits): boolean {
  return [one, two].every(traits => plainName(traits.birthName) !== undefined && /^\d{8}/.test(traits.birthDate ?? ''))
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

/** @returns a name without case, accents and marks; undefined for none */
export function plainName(name: string | undefined): string | undefined {
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
