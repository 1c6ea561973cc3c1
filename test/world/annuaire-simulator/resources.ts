import type { FictionalBox } from '../people.ts'
import type { FictionalPlace } from '../places.ts'

const IG = 'https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition'
const NOS = 'https://mos.esante.gouv.fr/NOS'
export const METADATA = `${IG}/as-ext-mailbox-mss-metadata`
const EMAIL_TYPE = 'https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type'

export type ResourceType = 'Practitioner' | 'PractitionerRole' | 'Organization'

export interface Extension {
  url: string
  extension?: Extension[]
  [value: `value${string}`]: unknown
}

export interface Telecom {
  system: string
  value: string
  rank?: number
  use?: string
  period?: { start?: string; end?: string }
  extension?: Extension[]
}

/** As the server keeps it. */
export interface Resource {
  resourceType: ResourceType
  id: string
  active: boolean
  meta: { lastUpdated: string }
  identifier: { system: string; value: string; use?: string }[]
  telecom: Telecom[]
  [element: string]: unknown
}

/** What the telecom of a box says, after the examples of the guide (`AsOrganizationExampleNancy`). */
export interface BoxMarks {
  type: 'PER' | 'ORG' | 'APP' | 'CAB'
  listeRouge?: boolean
  description?: string
  service?: string
  responsible?: string
}

/** @returns a box as a telecom, with both marks */
export function boxTelecom(address: string, { type, listeRouge = false, ...texts }: BoxMarks): Telecom {
  const coding = { system: `${NOS}/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL`, code: type }
  const metadata: Extension[] = [
    { url: 'type', valueCodeableConcept: { coding: [coding] } },
    { url: 'listeRouge', valueBoolean: listeRouge },
    ...Object.entries(texts).map(([url, valueString]) => ({ url, valueString })),
  ]
  const messaging = { system: `${NOS}/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie`, code: 'MSSANTE' }
  return {
    system: 'email',
    value: address,
    extension: [
      { url: EMAIL_TYPE, valueCoding: messaging },
      { url: METADATA, extension: metadata },
    ],
  }
}

const meta = { lastUpdated: '2026-11-01T01:00:00.000+01:00' }

/** @returns the Practitioner of a fictional professional, without any box */
export function practitioner({ person }: FictionalBox, id = person?.rpps ?? ''): Resource {
  if (!person) throw new Error('a Practitioner is a person')
  const { rpps, title, firstName, lastName, profession } = person
  const code = { system: `${NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante`, code: profession.code, display: profession.label }
  return {
    resourceType: 'Practitioner',
    id,
    meta,
    active: true,
    identifier: [
      { system: 'urn:oid:1.2.250.1.71.4.2.1', use: 'official', value: `8${rpps}` },
      { system: 'https://rpps.esante.gouv.fr', use: 'official', value: rpps },
    ],
    name: [{ use: 'usual', prefix: [title], family: lastName.toUpperCase(), given: [firstName] }],
    telecom: [],
    qualification: [{ code: { coding: [code] } }],
  }
}

/** @returns the work situation of a professional in a structure; references by logical id */
export function practitionerRole(box: FictionalBox, who: Resource, where: Resource): Resource {
  return {
    resourceType: 'PractitionerRole',
    id: `role-${who.id}-${where.id}`,
    meta,
    active: true,
    identifier: [{ system: 'https://rpps.esante.gouv.fr', value: `10${box.person?.rpps.slice(3)}` }],
    practitioner: { reference: `Practitioner/${who.id}` },
    organization: { reference: `Organization/${where.id}` },
    telecom: [],
  }
}

/** @returns the Organization of a place: its switchboard, and no box */
export function organization({ idNatStruct, finess, name, town, postcode }: FictionalPlace, id = finess): Resource {
  return {
    resourceType: 'Organization',
    id,
    meta,
    active: true,
    identifier: [
      { system: 'urn:oid:1.2.250.1.71.4.2.2', use: 'official', value: idNatStruct },
      { system: 'https://finess.esante.gouv.fr', use: 'official', value: finess },
    ],
    name,
    address: [{ city: town, postalCode: postcode }],
    telecom: [
      { system: 'phone', value: '0199000000', rank: 1 },
      { system: 'email', value: `direction@${finess.toLowerCase()}.example` },
    ],
  }
}
