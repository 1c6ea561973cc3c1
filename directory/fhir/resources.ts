import { z } from 'zod'
import { parseIdNatPs, parseIdNatStruct } from '../identifiers.ts'
import type { BalType, Listing } from '../snapshot.ts'
import { FhirFault } from './fault.ts'

/** The resources that carry boxes: PER and CAB, PER of one work situation, ORG and APP. */
export type Carrier = 'Practitioner' | 'PractitionerRole' | 'Organization'
export const CARRIERS: readonly Carrier[] = ['Organization', 'Practitioner', 'PractitionerRole']

/** as-ext-mailbox-mss-metadata (IG annuaire, ANS): what makes a telecom a box. */
export const METADATA = 'https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-mailbox-mss-metadata'
/** fr-core-contact-point-email-type: older resources have only this mark, with the code MSSANTE. */
const EMAIL_TYPE = 'https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type'

export const ID_NAT_PS = 'urn:oid:1.2.250.1.71.4.2.1'
export const ID_NAT_STRUCT = 'urn:oid:1.2.250.1.71.4.2.2'

const coding = z.looseObject({ system: z.string().optional(), code: z.string().optional(), display: z.string().optional() })
const concept = z.looseObject({ coding: z.array(coding).optional() })
const value = {
  valueCode: z.string().optional(),
  valueString: z.string().optional(),
  valueBoolean: z.boolean().optional(),
  valueCoding: coding.optional(),
  valueCodeableConcept: concept.optional(),
}
const extension = z.looseObject({ url: z.string(), ...value, extension: z.array(z.looseObject({ url: z.string(), ...value })).optional() })
const contactPoint = z.looseObject({
  system: z.string().optional(),
  value: z.string().optional(),
  use: z.string().optional(),
  rank: z.number().int().optional(),
  period: z.looseObject({ end: z.string().optional() }).optional(),
  extension: z.array(extension).optional(),
})
const humanName = z.looseObject({
  use: z.string().optional(),
  family: z.string().optional(),
  given: z.array(z.string()).optional(),
  prefix: z.array(z.string()).optional(),
})
/** As much of the three profiles as we read; the rest may be anything. */
const carrier = z.looseObject({
  resourceType: z.enum(['Practitioner', 'PractitionerRole', 'Organization']),
  id: z.string().min(1).max(64),
  active: z.boolean().optional(),
  identifier: z.array(z.looseObject({ system: z.string().optional(), value: z.string().optional() })).optional(),
  name: z.union([z.string(), z.array(humanName)]).optional(),
  telecom: z.array(contactPoint).optional(),
  address: z.array(z.looseObject({ city: z.string().optional(), postalCode: z.string().optional() })).optional(),
  qualification: z.array(z.looseObject({ code: concept.optional() })).optional(),
})
const bundle = z.looseObject({
  resourceType: z.literal('Bundle'),
  type: z.literal('searchset'),
  link: z.array(z.looseObject({ relation: z.string() })).optional(),
  entry: z.array(z.looseObject({ resource: z.looseObject({ resourceType: z.string() }) })).optional(),
})
const operationOutcome = z.looseObject({
  resourceType: z.literal('OperationOutcome'),
  issue: z.array(
    z.looseObject({
      code: z.string().optional(),
      details: z.looseObject({ text: z.string().optional() }).optional(),
      diagnostics: z.string().optional(),
    }),
  ),
})

export type Resource = z.output<typeof carrier>
export type ContactPoint = z.output<typeof contactPoint>

/** The texts and marks of a box, as its telecom says them. */
export interface Mailbox {
  address: string
  type: BalType
  redListed: boolean
  description?: string
  service?: string
  responsible?: string
}

/** A box with the resource that carries it. */
export interface Carried {
  resource: Resource
  telecom: ContactPoint
  mailbox: Mailbox
}

/** @param json body of a 200 @returns a resource of the type that was asked for @throws FhirFault when it is something else */
export function readResource(json: unknown, type: Carrier): Resource {
  const { data } = carrier.safeParse(json)
  if (data?.resourceType !== type) throw new FhirFault('malformed')
  return data
}

/**
 * Finds one box in the answer to a search. The service's filter is not believed: the address must be in the resource.
 * @param json body of a 200 @returns undefined when nobody has this box
 * @throws FhirFault for what is no whole answer to the question
 */
export function readSearch(json: unknown, type: Carrier, address: string): Carried | undefined {
  const { data } = bundle.safeParse(json)
  if (!data) throw new FhirFault('malformed')
  for (const { resource } of data.entry ?? []) {
    if (resource.resourceType === 'OperationOutcome') continue // warnings about the search (FHIR R4, search, §3.1.1)
    const carried = carriedBy(readResource(resource, type), address)
    if (carried) return carried
  }
  if (data.link?.some(({ relation }) => relation === 'next')) throw new FhirFault('malformed') // more than can belong to one address
  return undefined
}

/** @param address in lower case @returns the box of this address when the resource carries it */
export function carriedBy(resource: Resource, address: string): Carried | undefined {
  for (const telecom of resource.telecom ?? []) {
    const mailbox = telecom.value?.toLowerCase() === address ? mailboxOf(telecom, resource.resourceType, address) : undefined
    if (mailbox) return { resource, telecom, mailbox }
  }
  return undefined
}

/** @returns undefined for a telecom that is no box of the trust space: an ordinary e-mail address, a telephone number */
function mailboxOf(telecom: ContactPoint, carrier: Carrier, address: string): Mailbox | undefined {
  const metadata = telecom.extension?.find(({ url }) => url === METADATA)
  const isMarked = telecom.extension?.some(({ url, valueCoding }) => url === EMAIL_TYPE && valueCoding?.code === 'MSSANTE')
  if (telecom.system !== 'email' || (!metadata && !isMarked)) return undefined
  const part = (name: string) => metadata?.extension?.find(({ url }) => url === name)
  const mailbox: Mailbox = { address, type: typeOf(part('type'), carrier), redListed: part('listeRouge')?.valueBoolean ?? false }
  for (const name of ['description', 'service', 'responsible'] as const) {
    const text = part(name)?.valueString
    if (text !== undefined) mailbox[name] = text
  }
  return mailbox
}

const TYPES: readonly string[] = ['PER', 'ORG', 'APP', 'CAB'] satisfies BalType[]

/** Resources without the type exist; what carries them then tells. */
function typeOf(part: z.output<typeof extension> | undefined, carrier: Carrier): BalType {
  const code = part?.valueCode ?? part?.valueCodeableConcept?.coding?.[0]?.code ?? part?.valueCoding?.code
  if (code !== undefined && TYPES.includes(code)) return code as BalType
  return carrier === 'Organization' ? 'ORG' : 'PER'
}

/** Whether the box may be written to: its holder or its structure is active, and it was not closed. @param now milliseconds */
export function isInUse({ resource, telecom }: Carried, now: number): boolean {
  const end = telecom.period?.end
  const isDay = end !== undefined && end.length <= 10 // the last day is part of the period (FHIR R4, Period)
  const ended = end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end) + (isDay ? 86_400_000 : 0)
  return resource.active !== false && telecom.use !== 'old' && ended > now
}

/** @returns the box in the words of the extract */
export function listingOf({ resource, mailbox }: Carried): Listing {
  const { address, type, service } = mailbox
  const idNatPs = identifierOf(resource, ID_NAT_PS)
  const idNatStruct = identifierOf(resource, ID_NAT_STRUCT)
  // A number with a wrong key identifies nobody: the box stays reachable.
  const person = idNatPs === undefined ? undefined : parseIdNatPs(idNatPs)
  const structure = idNatStruct === undefined ? undefined : parseIdNatStruct(idNatStruct)
  const known: { [field in keyof Listing]?: Listing[field] | undefined } = {
    idNatPs: person && idNatPs,
    rpps: person?.kind === 'rpps' ? person.number : undefined,
    idNatStruct: structure && idNatStruct,
    profession: qualified(resource, 'TRE_G15-ProfessionSante'),
    speciality: qualified(resource, 'TRE_R38-SpecialiteOrdinale'),
    service,
    structure: typeof resource.name === 'string' ? resource.name : undefined,
    place: placeOf(resource),
  }
  const given = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
  return { address, type, name: nameOf(resource, service) || address.slice(0, address.indexOf('@')), ...given }
}

export function identifierOf(resource: Resource, system: string): string | undefined {
  return resource.identifier?.find(identifier => identifier.system === system)?.value
}

function nameOf({ name }: Resource, service: string | undefined): string {
  if (typeof name === 'string') return [service, name].filter(Boolean).join(', ')
  const used = name?.find(({ use }) => use === 'usual') ?? name?.[0]
  return [...(used?.prefix ?? []), ...(used?.given ?? []), used?.family].filter(Boolean).join(' ')
}

function qualified({ qualification }: Resource, terminology: string): string | undefined {
  const codings = qualification?.flatMap(({ code }) => code?.coding ?? [])
  return codings?.find(({ system }) => system?.includes(terminology))?.display
}

/** Some resources repeat the post code in the city. */
function placeOf({ address }: Resource): string | undefined {
  const { city, postalCode } = address?.[0] ?? {}
  return city === undefined || postalCode === undefined || city.startsWith(postalCode) ? city : `${postalCode} ${city}`
}

/** @returns what an OperationOutcome says, one line, cut; undefined when it is none */
export function readOutcome(json: unknown): string | undefined {
  const issue = operationOutcome.safeParse(json).data?.issue[0]
  if (!issue) return undefined
  const words = [issue.code, issue.details?.text ?? issue.diagnostics].filter(Boolean).join(': ')
  return words
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)
}
