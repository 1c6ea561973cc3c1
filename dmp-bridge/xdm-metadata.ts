import type { Limits } from './caps.ts'
import type { MetadataFacts } from './facts.ts'
import { attribute, children, findAll, readXml, textOf, type XmlElement, XmlFault } from './xml.ts'

const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'

/** Identification and classification schemes of XDS (ITI TF-3 §4.2.5), without `urn:uuid:`, lower case. */
const ENTRY_PATIENT = '58a6f841-87b3-4a3e-92fd-a8ffeff98427'
const ENTRY_UNIQUE_ID = '2e82c1f6-a085-4c72-9da3-8640a32e42ab'
const ENTRY_TYPE = 'f0306f51-975f-434e-a61c-c59651d33983'
const ENTRY_CONFIDENTIALITY = 'f4f85eac-e6cb-4883-b524-f2705394840f'
const SET_PATIENT = '6b5aea1a-874d-4603-a4bc-96a0a7b38446'

/**
 * Reads a METADATA.XML (ebRIM 3.0): one entry for each document. Real files have blanks before the root, no classification node
 * of the submission set and ids that do not match: none of it is needed to read what is said of a document.
 * @returns the entries; undefined when the file is not XML, or holds no ebRIM 3 document (ebXML 2.1 was met)
 */
export function readMetadata(bytes: Uint8Array, limits: Limits): MetadataFacts[] | undefined {
  const root = parse(bytes, limits)
  if (!root) return undefined
  const entries = findAll(root, 'ExtrinsicObject', RIM)
  if (entries.length === 0) return undefined
  const said = gather(root, entries)
  const replaces = findAll(root, 'Association').some(each => /(RPLC|APND)$/i.test(attribute(each, 'associationType') ?? ''))
  return entries.map(entry => ({ ...readEntry(entry, said.get(entry) ?? []), otherPatientIds: said.patients, replaces }))
}

/** Classifications and identifiers by the entry they are about. */
class Said extends Map<XmlElement, XmlElement[]> {
  /** every patient that is named, whoever is said to be his */
  patients: string[] = []
}

/**
 * They stand inside the entry, or beside it and point to it. A confidentiality that points to nothing may be about any entry, so it
 * counts for each of them.
 */
function gather(root: XmlElement, entries: XmlElement[]): Said {
  const said = new Said(entries.map(each => [each, [...each.children]]))
  const inside = new Set(entries.flatMap(each => each.children))
  const byId = new Map(entries.map(each => [attribute(each, 'id')?.toLowerCase(), each]))
  const patients = new Set<string>()
  const nowhere: XmlElement[] = []
  for (const each of [...findAll(root, 'Classification'), ...findAll(root, 'ExternalIdentifier')]) {
    const scheme = schemeOf(each)
    if (scheme === ENTRY_PATIENT || scheme === SET_PATIENT) patients.add(attribute(each, 'value') ?? '')
    if (inside.has(each)) continue
    const target = byId.get((attribute(each, 'classifiedObject') ?? attribute(each, 'registryObject'))?.toLowerCase())
    if (target) said.get(target)?.push(each)
    else if (scheme === ENTRY_CONFIDENTIALITY) nowhere.push(each)
  }
  if (nowhere.length > 0) for (const each of said.values()) each.push(...nowhere)
  said.patients = [...patients]
  return said
}

/** Schemes are UUIDs: case and the prefix mean nothing. */
function schemeOf(element: XmlElement): string {
  const scheme = attribute(element, 'classificationScheme') ?? attribute(element, 'identificationScheme') ?? ''
  return scheme.toLowerCase().replace(/^urn:uuid:/, '')
}

function parse(bytes: Uint8Array, limits: Limits): XmlElement | undefined {
  try {
    const { maxXmlBytes: maxBytes, maxXmlDepth: maxDepth, maxXmlElements: maxElements } = limits
    return readXml(bytes, { maxBytes, maxDepth, maxElements, skipLeadingBlanks: true }).root
  } catch (error) {
    if (error instanceof XmlFault) return undefined
    throw error
  }
}

function readEntry(entry: XmlElement, said: XmlElement[]): Omit<MetadataFacts, 'otherPatientIds' | 'replaces'> {
  const [uri, hash, size] = [joinedUri(slot(entry, 'URI')), slot(entry, 'hash')[0], slot(entry, 'size')[0]]
  const person = slot(entry, 'sourcePatientInfo').map(each => each.split('|'))
  const field = (name: string) => person.flatMap(([key, value]) => (key === name && value ? [value] : []))
  const of = (scheme: string, name: string) => said.filter(each => schemeOf(each) === scheme).map(each => attribute(each, name) ?? '')
  return {
    uniqueIds: of(ENTRY_UNIQUE_ID, 'value'),
    patientIds: of(ENTRY_PATIENT, 'value'),
    types: of(ENTRY_TYPE, 'nodeRepresentation'),
    said: { names: field('PID-5'), births: field('PID-7'), sexes: field('PID-8') },
    ...(uri !== undefined && { uri }),
    ...(hash !== undefined && { hash }),
    ...(size !== undefined && { size: Number(size) }),
    confidentiality: of(ENTRY_CONFIDENTIALITY, 'nodeRepresentation'),
  }
}

function slot(element: XmlElement, name: string): string[] {
  return children(element, 'Slot', RIM)
    .filter(each => attribute(each, 'name') === name)
    .flatMap(each => findAll(each, 'Value', RIM))
    .map(textOf)
    .filter(each => each !== undefined)
}

/** A URI longer than 128 characters comes in numbered pieces, `1|…`, `2|…` (ITI TF-3 §4.2.3.2.25). */
function joinedUri(values: string[]): string | undefined {
  if (values.length <= 1) return values[0]?.replace(/^1\|/, '')
  return values
    .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map(each => each.replace(/^\d+\|/, ''))
    .join('')
}
