import { invalid } from './outcome.ts'
import { type Extension, METADATA, type Resource, type ResourceType, type Telecom } from './resources.ts'

const TYPES: Record<ResourceType, readonly string[]> = {
  Practitioner: ['PER', 'CAB'],
  PractitionerRole: ['PER'],
  Organization: ['ORG', 'APP'],
}
/** openapi-balmss, "Données modifiables", with the element that holds each value. */
const FIELDS: Record<string, readonly string[]> = {
  PER: ['listeRouge'],
  CAB: ['listeRouge', 'description', 'responsible'],
  ORG: ['listeRouge', 'description', 'service', 'responsible'],
  APP: ['listeRouge', 'description', 'service', 'responsible'],
}
const VALUE_OF: Record<string, string> = {
  listeRouge: 'valueBoolean',
  description: 'valueString',
  service: 'valueString',
  responsible: 'valueString',
}

interface Operation {
  type: 'insert' | 'replace' | 'delete'
  path: string
  index: unknown
  value: { name: string; is: unknown } | undefined
}

/**
 * Applies a FHIRPath patch, whole or not at all.
 * @returns the telecom as it would be; the resource is untouched
 * @throws Refused 400
 */
export function patched(
  resource: Resource,
  body: unknown,
  rules: { isAddress(text: string): boolean; isTaken(address: string): boolean },
): Telecom[] {
  let telecom = structuredClone(resource.telecom)
  for (const operation of operationsOf(body)) telecom = apply(operation, resource.resourceType, telecom, rules)
  return telecom
}

function operationsOf(body: unknown): Operation[] {
  const { resourceType, parameter } = asObject(body)
  if (resourceType !== 'Parameters' || !Array.isArray(parameter) || parameter.length === 0)
    throw invalid('A Parameters resource is expected')
  return parameter.map(given => {
    const { name, part } = asObject(given)
    if (name !== 'operation' || !Array.isArray(part)) throw invalid('Each parameter must be an operation with its parts')
    const parts = new Map(part.map(asObject).map(one => [one.name, one]))
    if (parts.size !== part.length || [...parts.keys()].some(key => !['type', 'path', 'index', 'value'].includes(String(key)))) {
      throw invalid('The parts of an operation are type, path, index and value, once each')
    }
    const type = parts.get('type')?.valueCode
    const path = parts.get('path')?.valueString
    if (type !== 'insert' && type !== 'replace' && type !== 'delete') throw invalid('The type of an operation is insert, replace or delete')
    if (typeof path !== 'string') throw invalid('An operation has a path')
    const values = Object.entries(parts.get('value') ?? {}).filter(([key]) => key !== 'name')
    if (values.length > 1) throw invalid('A value is given twice')
    const [value] = values.map(([key, is]) => ({ name: key, is }))
    return { type, path, index: parts.get('index')?.valueInteger, value }
  })
}

const STEPS = /^(?<type>\w+)\.telecom(?:\.where\(value = '(?<address>(?:[^'\\]|\\.)+)'\)(?<rest>.*))?$/
const FIELD = new RegExp(`^\\.extension\\('${METADATA.replace(/[/.]/g, '\\$&')}'\\)\\.extension\\('(?<field>\\w+)'\\)\\.value$`)

function apply(
  operation: Operation,
  carrier: ResourceType,
  telecom: Telecom[],
  rules: { isAddress(text: string): boolean; isTaken(address: string): boolean },
): Telecom[] {
  const { type, address, rest } = STEPS.exec(operation.path)?.groups ?? {}
  if (type !== carrier) throw invalid(`The path must begin with ${carrier}.telecom`)
  if (address === undefined) {
    if (operation.type !== 'insert') throw invalid('A telecom is named by where(value = …)')
    return inserted(operation, carrier, telecom, rules)
  }
  const value = address.replace(/\\(.)/g, '$1')
  const places = telecom.flatMap((one, at) => (one.value === value ? [at] : []))
  if (places.length !== 1) throw invalid('The path does not lead to one element')
  const [at = 0] = places
  const before = telecom[at] as Telecom
  if (operation.type === 'insert') throw invalid('An insertion goes to the list of telecom')
  if (operation.type === 'delete') {
    if (rest !== '') throw invalid('Only a whole box is deleted')
    return telecom.toSpliced(at, 1)
  }
  return telecom.with(at, rest === '' ? replaced(operation, carrier, before, rules) : altered(operation, carrier, before, rest ?? ''))
}

function inserted(
  { index, value }: Operation,
  carrier: ResourceType,
  telecom: Telecom[],
  rules: { isAddress(text: string): boolean; isTaken(address: string): boolean },
): Telecom[] {
  if (!Number.isInteger(index) || (index as number) < 0 || (index as number) > telecom.length) throw invalid('The index is not in the list')
  const box = checkedBox(value, carrier, rules.isAddress)
  if (rules.isTaken(box.value)) throw invalid('This address is already in the annuaire')
  return telecom.toSpliced(index as number, 0, box)
}

function replaced({ value }: Operation, carrier: ResourceType, before: Telecom, rules: { isAddress(text: string): boolean }): Telecom {
  const box = checkedBox(value, carrier, rules.isAddress)
  if (box.value !== before.value) throw invalid('The address of a box can not change')
  if (typeOf(box) !== typeOf(before)) throw invalid('The type of a box can not change')
  return box
}

function altered({ value }: Operation, carrier: ResourceType, before: Telecom, rest: string): Telecom {
  if (rest === '.rank') {
    if (value?.name !== 'valueInteger' || !Number.isInteger(value.is) || (value.is as number) < 1) throw invalid('A rank is 1 or more')
    return { ...before, rank: value.is as number }
  }
  const field = FIELD.exec(rest)?.groups?.field ?? ''
  const type = typeOf(before) ?? (carrier === 'Organization' ? 'ORG' : 'PER')
  if (!FIELDS[type]?.includes(field)) throw invalid('This value of a box can not change')
  const after = structuredClone(before)
  const place = after.extension?.find(({ url }) => url === METADATA)?.extension?.find(({ url }) => url === field)
  if (!place) throw invalid('The path does not lead to one element')
  checkValue(field, value?.name, value?.is)
  place[VALUE_OF[field] as `value${string}`] = value?.is
  return after
}

/** The schema MailboxMSS, with what the tables allow to the type. */
function checkedBox(value: Operation['value'], carrier: ResourceType, isAddress: (text: string) => boolean): Telecom {
  if (value?.name !== 'valueContactPoint') throw invalid('A ContactPoint is expected')
  const box = asObject(value.is)
  if (Object.keys(box).some(key => !['system', 'value', 'rank', 'extension'].includes(key))) throw invalid('A box has no such element')
  if (box.system !== 'email' || typeof box.value !== 'string' || !isAddress(box.value)) throw invalid('The value is no MSSanté address')
  if (box.rank !== undefined && (!Number.isInteger(box.rank) || (box.rank as number) < 1)) throw invalid('A rank is 1 or more')
  const [metadata, ...others] = Array.isArray(box.extension) ? box.extension.map(asObject) : []
  if (metadata?.url !== METADATA || others.length > 0 || !Array.isArray(metadata.extension))
    throw invalid('A box has its metadata and no other extension')
  const parts = new Map(metadata.extension.map(asObject).map(part => [String(part.url), part]))
  const type = typeOf(box as unknown as Telecom)
  if (parts.size !== metadata.extension.length || type === undefined || !TYPES[carrier].includes(type))
    throw invalid('The type is not one of this resource')
  parts.delete('type')
  if (!parts.has('listeRouge')) throw invalid('listeRouge is missing')
  for (const [url, part] of parts) {
    if (!FIELDS[type]?.includes(url)) throw invalid(`A ${type} box has no ${url}`)
    const [name, ...more] = Object.keys(part).filter(key => key !== 'url')
    if (more.length > 0) throw invalid(`${url} has one value`)
    checkValue(url, name, name === undefined ? undefined : part[name])
  }
  return box as unknown as Telecom
}

function checkValue(field: string, name: string | undefined, value: unknown): void {
  const right = field === 'listeRouge' ? typeof value === 'boolean' : typeof value === 'string' && value.trim() !== ''
  if (name !== VALUE_OF[field] || !right) throw invalid(`${field} has a wrong value`)
}

function typeOf({ extension }: Telecom): string | undefined {
  const part = extension?.find(({ url }) => url === METADATA)?.extension?.find(({ url }: Extension) => url === 'type')
  const concept = part?.valueCodeableConcept as { coding?: { system?: string; code?: string }[] } | undefined
  const [coding] = concept?.coding ?? []
  // The draft's examples name R256 where the profile binds R257.
  if (coding && !/\/TRE[-_]R25[67]-Type(?:BAL|Messagerie)$/.test(coding.system ?? '')) return undefined
  return coding?.code
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('An object is expected')
  return value as Record<string, unknown>
}
