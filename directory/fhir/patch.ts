import { type Carrier, type ContactPoint, type Mailbox, METADATA } from './resources.ts'

/** TRE_R257-TypeBAL. The draft's examples name TRE_R256 here; the profile, its real resources and the terminology say R257. */
const TYPE_SYSTEM = 'https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL'

type Value = { valueContactPoint: ContactPoint } | { valueBoolean: boolean } | { valueString: string }
type Part =
  | { name: 'type'; valueCode: 'insert' | 'replace' | 'delete' }
  | { name: 'path'; valueString: string }
  | ({ name: 'value' } & Value)
type Operation = { name: 'operation'; part: (Part | { name: 'index'; valueInteger: number })[] }

/** FHIR R4 fhirpatch, as `openapi-balmss.yaml` narrows it: a whole telecom, or one value of its metadata. */
export interface PatchParameters {
  resourceType: 'Parameters'
  parameter: Operation[]
}

/** What may change in a box once it is published, by field of its telecom's metadata. */
export type MutableField = 'listeRouge' | 'description' | 'service' | 'responsible'

/** `openapi-balmss.yaml`, tables "Données modifiables". Address and type never change: another box is another address. */
export const MUTABLE: Readonly<Record<Mailbox['type'], readonly MutableField[]>> = {
  PER: ['listeRouge'],
  CAB: ['listeRouge', 'description', 'responsible'],
  ORG: ['listeRouge', 'description', 'service', 'responsible'],
  APP: ['listeRouge', 'description', 'service', 'responsible'],
}

/** @returns the parameters that add a box to a resource */
export function insertion(carrier: Carrier, mailbox: Mailbox): PatchParameters {
  return parametersOf([
    [
      { name: 'type', valueCode: 'insert' },
      { name: 'path', valueString: `${carrier}.telecom` },
      { name: 'index', valueInteger: 0 },
      { name: 'value', valueContactPoint: contactPointOf(mailbox) },
    ],
  ])
}

/** @returns the parameters that take a box out of its resource */
export function deletion(carrier: Carrier, address: string): PatchParameters {
  return parametersOf([
    [
      { name: 'type', valueCode: 'delete' },
      { name: 'path', valueString: telecomPath(carrier, address) },
    ],
  ])
}

/**
 * @param known the telecom as it stands: its rank stays, it is the holder's choice among his boxes
 * @returns the parameters that put a box's telecom in place of the one that is there
 */
export function replacement(carrier: Carrier, mailbox: Mailbox, known: ContactPoint): PatchParameters {
  return parametersOf([
    [
      { name: 'type', valueCode: 'replace' },
      { name: 'path', valueString: telecomPath(carrier, mailbox.address) },
      { name: 'value', valueContactPoint: contactPointOf(mailbox, known) },
    ],
  ])
}

/** @returns the parameters that change single values, one operation each; undefined when a value comes or goes: that takes the whole telecom */
export function alteration(carrier: Carrier, wanted: Mailbox, known: Mailbox): PatchParameters | undefined {
  const operations: Operation['part'][] = []
  for (const field of MUTABLE[wanted.type]) {
    const [from, to] = [valueIn(known, field), valueIn(wanted, field)]
    if (from === to) continue
    if (from === undefined || to === undefined) return undefined
    const path = `${telecomPath(carrier, wanted.address)}.extension('${METADATA}').extension('${field}').value`
    const value = typeof to === 'boolean' ? { valueBoolean: to } : { valueString: to }
    operations.push([
      { name: 'type', valueCode: 'replace' },
      { name: 'path', valueString: path },
      { name: 'value', ...value },
    ])
  }
  return parametersOf(operations)
}

export function valueIn(mailbox: Mailbox, field: MutableField): string | boolean | undefined {
  return field === 'listeRouge' ? mailbox.redListed : mailbox[field]
}

function parametersOf(operations: Operation['part'][]): PatchParameters {
  return { resourceType: 'Parameters', parameter: operations.map(part => ({ name: 'operation', part })) }
}

/** An address may hold an apostrophe: it is escaped as in any FHIRPath string (FHIRPath §4.1.3), or it could end the string. */
function telecomPath(carrier: Carrier, address: string): string {
  return `${carrier}.telecom.where(value = '${address.replace(/[\\'"`]/g, '\\$&')}')`
}

/** The contract's form and nothing else: a telecom with other extensions would be refused. */
function contactPointOf(mailbox: Mailbox, known: ContactPoint = {}): ContactPoint {
  const fields = MUTABLE[mailbox.type].flatMap(field => {
    const value = valueIn(mailbox, field)
    if (value === undefined) return []
    return [typeof value === 'boolean' ? { url: field, valueBoolean: value } : { url: field, valueString: value }]
  })
  const type = { url: 'type', valueCodeableConcept: { coding: [{ system: TYPE_SYSTEM, code: mailbox.type }] } }
  const rank = known.rank === undefined ? {} : { rank: known.rank }
  return { system: 'email', value: mailbox.address, ...rank, extension: [{ url: METADATA, extension: [type, ...fields] }] }
}
