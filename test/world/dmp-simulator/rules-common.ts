import type { Rules } from './refusals.ts'
import type { Classification, RegistryObject } from './registry-objects.ts'
import { isOid, readInstitution, readPerson } from './values.ts'

/** Every rule about registry metadata answers this code. */
export const METADATA = 'XDSRegistryMetadataError'

/** @returns the values of a slot, none when it is absent */
export function slot(object: { slots: Map<string, string[]> }, name: string): string[] {
  return object.slots.get(name) ?? []
}

/** @returns the only value of a slot; notes a problem when there is none, several or an empty one */
export function oneValue(object: RegistryObject, name: string, rules: Rules): string {
  const values = slot(object, name)
  rules.check(values.length === 1 && values[0] !== '', METADATA, `${object.id}: slot ${name} must have one value`)
  return values[0] ?? ''
}

/** @returns the value of the only external identifier of a scheme, '' when it is not as it should be (noted) */
export function external(object: RegistryObject, scheme: string, name: string, rules: Rules): string {
  const found = object.externals.filter(each => each.scheme === scheme)
  rules.check(found.length === 1, METADATA, `${object.id}: there must be one ExternalIdentifier ${name}`)
  const [first] = found
  rules.check(first?.name === name, METADATA, `${object.id}: the Name of the ExternalIdentifier must be ${name}`)
  rules.check(first?.object === object.id, METADATA, `${object.id}: registryObject of ${name} must be the object`)
  return first?.value ?? ''
}

/** @returns the classifications of a scheme; each must classify this object */
export function classified(object: RegistryObject, scheme: string, rules: Rules): Classification[] {
  const found = object.classifications.filter(each => each.scheme === scheme)
  for (const each of found) rules.check(each.object === object.id, METADATA, `${object.id}: classifiedObject must be the object`)
  return found
}

/** @returns code and coding scheme of each classification of a scheme, after checking their shape and number */
export function codes(
  object: RegistryObject,
  name: string,
  scheme: string,
  [least, most]: readonly [number, number],
  rules: Rules,
): { code: string; system: string }[] {
  const found = classified(object, scheme, rules)
  rules.check(found.length >= least && found.length <= most, METADATA, `${object.id}: ${name} must be given ${least} to ${most} times`)
  return found.map(each => {
    const systems = slot(each, 'codingScheme')
    const whole = each.code !== '' && each.display !== '' && systems.length === 1 && systems[0] !== ''
    rules.check(whole, METADATA, `${object.id}: ${name} must have nodeRepresentation, Name and one codingScheme`)
    return { code: each.code, system: systems[0] ?? '' }
  })
}

export interface Author {
  person: string | undefined
  institutions: string[]
}

/** @returns the authors of an object, after checking XCN, XON and specialty (spec dmp §2.1) */
export function authors(object: RegistryObject, scheme: string, rules: Rules): Author[] {
  return classified(object, scheme, rules).map(each => {
    const persons = slot(each, 'authorPerson').map(readPerson)
    const institutions = slot(each, 'authorInstitution').map(readInstitution)
    rules.check(persons.length === 1 && persons[0] !== undefined, METADATA, `${object.id}: authorPerson must be one XCN with its PS_IdNat`)
    const national = institutions.every(id => id !== undefined)
    rules.check(national, METADATA, `${object.id}: authorInstitution must be XON with their Struct_IdNat`)
    const specialties = slot(each, 'authorSpecialty')
    const known = specialties.length <= 1 && specialties.every(text => /^[\w/.-]+\^[^^]+\^1\.2\.250\.1\.213\.1\.1\.4\.[56]$/.test(text))
    rules.check(known, METADATA, `${object.id}: authorSpecialty must be code^label^1.2.250.1.213.1.1.4.5 (people) or .6 (devices)`)
    return { person: persons[0], institutions: institutions.filter(id => id !== undefined) }
  })
}

/** Nothing may be there that the profile does not name: a misspelt scheme would otherwise pass unseen. */
export function onlyKnown(object: RegistryObject, schemes: readonly string[], rules: Rules): void {
  const unknown = [...object.classifications, ...object.externals].some(({ scheme }) => scheme !== '' && !schemes.includes(scheme))
  rules.check(!unknown, METADATA, `${object.id}: a classification or identification scheme is unknown`)
}

/** @returns the uniqueId after checking that it is an OID without extension (spec dmp §1.9) */
export function uniqueId(object: RegistryObject, scheme: string, name: string, rules: Rules): string {
  const value = external(object, scheme, name, rules)
  rules.check(isOid(value), 'XDSDocumentUniqueIdError', `${object.id}: ${name} must be an OID without extension`)
  return value
}
