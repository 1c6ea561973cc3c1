import { describe, expect, test } from 'vitest'
import { FhirFault } from '../../../../directory/fhir/fault.ts'
import { carriedBy, isInUse, listingOf, type Resource, readResource, readSearch } from '../../../../directory/fhir/resources.ts'
import { corpus, hasCorpus } from '../../../support/corpus.ts'
import { fshInstances } from './fsh.ts'

const searchset = (...resources: object[]) => ({
  resourceType: 'Bundle',
  type: 'searchset',
  entry: resources.map(resource => ({ resource })),
})

describe.skipIf(!hasCorpus)('the published examples', () => {
  const [dupont, martin, ...subsets] = hasCorpus ? fshInstances(corpus('directory/ig-fhir-api-mss/AsExamplePractitionerBalMssPer.fsh')) : []

  test('PER boxes of practitioners', () => {
    const found = readSearch(searchset(dupont!, martin!), 'Practitioner', 'sophie.martin@medecin.mssante.fr')!
    expect(found.mailbox).toEqual({ address: 'sophie.martin@medecin.mssante.fr', type: 'PER', redListed: false })
    // The number of the example has a wrong key.
    expect(listingOf(found)).toEqual({ address: 'sophie.martin@medecin.mssante.fr', type: 'PER', name: 'Sophie MARTIN' })
    for (const subset of subsets)
      expect(carriedBy(readResource(subset, 'Practitioner'), (subset.telecom as { value: string }[])[0]!.value)).toBeDefined()
  })

  test('the ORG box of a hospital, between its telephone and its ordinary e-mail', () => {
    const [nancy] = fshInstances(corpus('directory/ig-fhir-annuaire/AsOrganizationExampleNancy.fsh'))
    const resource = readResource(nancy, 'Organization')
    expect(carriedBy(resource, 'direction.generale@chu-nancy.fr')).toBeUndefined()
    const found = carriedBy(resource, 'exemple.address@address.mssante.fr')!
    expect(found.mailbox).toMatchObject({ type: 'ORG', description: 'Description-mss', redListed: false })
    expect(listingOf(found)).toMatchObject({ name: 'CHRU NANCY - HOPITAUX DE BRABOIS', idNatStruct: '1540002698' })
  })
})

const box = {
  system: 'email',
  value: 'Accueil@Beta.mssante.example',
  extension: [
    { url: 'https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type', valueCoding: { code: 'MSSANTE' } },
  ],
}
const hospital = { resourceType: 'Organization', id: '1', name: 'CH fictif', telecom: [box] }
const ADDRESS = 'accueil@beta.mssante.example'

const malformed: [string, unknown][] = [
  ['nothing', undefined],
  ['a text', 'Bundle'],
  ['another resource', hospital],
  ['another bundle', { ...searchset(hospital), type: 'history' }],
  ['an entry without its resource', { ...searchset(), entry: [{}] }],
  ['a resource of another type', searchset({ ...hospital, resourceType: 'Practitioner', name: [] })],
  ['a resource without id', searchset({ ...hospital, id: undefined })],
  ['telecom that is no list', searchset({ ...hospital, telecom: box })],
  ['a value that is no text', searchset({ ...hospital, telecom: [{ ...box, value: 7 }] })],
  ['not all pages', { ...searchset(), link: [{ relation: 'next', url: 'https://annuaire.example/2' }] }],
]
test.each(malformed)('%s is no answer', (_, json) => {
  expect(() => readSearch(json, 'Organization', ADDRESS)).toThrow(FhirFault)
})

test('a warning beside the answer is no box and no fault', () => {
  const warning = { resourceType: 'OperationOutcome', issue: [{ severity: 'warning', code: 'informational' }] }
  expect(readSearch(searchset(warning, hospital), 'Organization', ADDRESS)?.mailbox).toEqual({
    address: ADDRESS,
    type: 'ORG',
    redListed: false,
  })
  expect(readSearch(searchset(warning), 'Organization', ADDRESS)).toBeUndefined()
  expect(readSearch({ resourceType: 'Bundle', type: 'searchset', total: 0 }, 'Organization', ADDRESS)).toBeUndefined()
})

test('a type that is unknown says less than what carries the box', () => {
  const odd = {
    url: 'https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-mailbox-mss-metadata',
    extension: [{ url: 'type', valueCode: 'XYZ' }],
  }
  const resource = readResource({ ...hospital, telecom: [{ ...box, extension: [odd] }] }, 'Organization') as Resource
  expect(carriedBy(resource, ADDRESS)?.mailbox.type).toBe('ORG')
})

test('a box is in use until its last day', () => {
  const carried = carriedBy(readResource({ ...hospital, telecom: [{ ...box, period: { end: '2026-11-22' } }] }, 'Organization'), ADDRESS)!
  expect(isInUse(carried, Date.parse('2026-11-22T23:59:00Z'))).toBe(true)
  expect(isInUse(carried, Date.parse('2026-11-23T00:01:00Z'))).toBe(false)
})
