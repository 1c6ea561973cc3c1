import { RegistryRefusal } from './refusals.ts'
import { at, attribute, elements, kids, type XmlElement } from './xml-tree.ts'

export const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'
export const LCM = 'urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0'
export const XDSB = 'urn:ihe:iti:xds-b:2007'
const XOP = 'http://www.w3.org/2004/08/xop/include'

/** A coded or author classification of a registry object. */
export interface Classification {
  scheme: string
  node: string
  code: string
  object: string
  display: string
  slots: Map<string, string[]>
}

/** A RegistryPackage or ExtrinsicObject, read. */
export interface RegistryObject {
  id: string
  objectType: string
  mimeType: string
  title: string
  slots: Map<string, string[]>
  classifications: Classification[]
  externals: { scheme: string; value: string; name: string; object: string }[]
}

export interface Association {
  type: string
  source: string
  target: string
  slots: Map<string, string[]>
}

/** An ITI-41 request, read but not judged. */
export interface Submission {
  set: RegistryObject
  entries: RegistryObject[]
  associations: Association[]
  /** Content by the id of its document entry. */
  documents: Map<string, Buffer>
}

/**
 * @param payload xdsb:ProvideAndRegisterDocumentSetRequest
 * @param parts the MIME parts by Content-ID
 * @throws RegistryRefusal when the shape is not the one of ITI-41
 */
export function readSubmission(payload: XmlElement, parts: ReadonlyMap<string, Buffer>): Submission {
  require(payload.uri === XDSB && payload.local === 'ProvideAndRegisterDocumentSetRequest', 'ProvideAndRegisterDocumentSetRequest')
  const list = at(at(payload, LCM, 'SubmitObjectsRequest'), RIM, 'RegistryObjectList')
  if (!list) throw refuse('RegistryObjectList')
  return { ...readObjects(list), documents: readDocuments(payload, parts) }
}

/** @returns what a RegistryObjectList holds, for ITI-41 and ITI-57 alike @throws RegistryRefusal */
export function readObjects(list: XmlElement): Omit<Submission, 'documents'> {
  const known = ['RegistryPackage', 'ExtrinsicObject', 'Association', 'Classification']
  require(elements(list).every(each => each.uri === RIM && known.includes(each.local)), 'an unexpected registry object')
  const packages = kids(list, RIM, 'RegistryPackage')
  require(packages.length === 1, 'there is not exactly one submission set')
  const set = readObject(packages[0] as XmlElement)
  // ebRIM lets the node of the set stand inside the package or beside it
  set.classifications.push(...kids(list, RIM, 'Classification').map(readClassification))
  const entries = kids(list, RIM, 'ExtrinsicObject').map(readObject)
  const ids = [set, ...entries].map(({ id }) => id)
  require(ids.every(Boolean) && new Set(ids).size === ids.length, 'an object id is missing or repeated')
  return { set, entries, associations: kids(list, RIM, 'Association').map(readAssociation) }
}

function readObject(element: XmlElement): RegistryObject {
  return {
    id: attribute(element, 'id') ?? '',
    objectType: attribute(element, 'objectType') ?? '',
    mimeType: attribute(element, 'mimeType') ?? '',
    title: nameOf(element),
    slots: slotsOf(element),
    classifications: kids(element, RIM, 'Classification').map(readClassification),
    externals: kids(element, RIM, 'ExternalIdentifier').map(each => ({
      scheme: attribute(each, 'identificationScheme') ?? '',
      value: attribute(each, 'value') ?? '',
      name: nameOf(each),
      object: attribute(each, 'registryObject') ?? '',
    })),
  }
}

function readClassification(element: XmlElement): Classification {
  return {
    scheme: attribute(element, 'classificationScheme') ?? '',
    node: attribute(element, 'classificationNode') ?? '',
    code: attribute(element, 'nodeRepresentation') ?? '',
    object: attribute(element, 'classifiedObject') ?? '',
    display: nameOf(element),
    slots: slotsOf(element),
  }
}

function readAssociation(element: XmlElement): Association {
  return {
    type: attribute(element, 'associationType') ?? '',
    source: attribute(element, 'sourceObject') ?? '',
    target: attribute(element, 'targetObject') ?? '',
    slots: slotsOf(element),
  }
}

function slotsOf(element: XmlElement): Map<string, string[]> {
  const slots = new Map<string, string[]>()
  for (const slot of kids(element, RIM, 'Slot')) {
    const name = attribute(slot, 'name') ?? ''
    require(name !== '' && !slots.has(name), 'a slot has no name or is repeated')
    const values = at(slot, RIM, 'ValueList')
    // exact text: blanks at the ends of a value are not forgiven
    slots.set(
      name,
      kids(values ?? slot, RIM, 'Value').map(value => value.children.map(node => (node.kind === 'text' ? node.value : '')).join('')),
    )
  }
  return slots
}

function nameOf(element: XmlElement): string {
  const [name] = kids(at(element, RIM, 'Name') ?? element, RIM, 'LocalizedString')
  return attribute(name, 'value') ?? ''
}

/** XOP 1.0: every Document includes one part, and every part belongs to one Document. */
function readDocuments(payload: XmlElement, parts: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const documents = new Map<string, Buffer>()
  const used = new Set<string>()
  for (const element of kids(payload, XDSB, 'Document')) {
    const cid = contentId(attribute(at(element, XOP, 'Include'), 'href') ?? '')
    const content = parts.get(cid)
    const id = attribute(element, 'id') ?? ''
    if (!content) throw new RegistryRefusal([{ code: 'XDSMissingDocument', context: 'a Document includes no part of the message' }])
    require(!used.has(cid), 'two Documents include the same part')
    require(id !== '' && !documents.has(id), 'a Document id is missing or repeated')
    used.add(cid)
    documents.set(id, content)
  }
  require(used.size === parts.size, 'a part belongs to no Document')
  return documents
}

function contentId(href: string): string {
  try {
    return href.startsWith('cid:') ? decodeURIComponent(href.slice(4)) : ''
  } catch {
    return ''
  }
}

function refuse(rule: string): RegistryRefusal {
  return new RegistryRefusal([{ code: 'XDSRepositoryMetadataError', context: rule }])
}

function require(holds: boolean, rule: string): void {
  if (!holds) throw refuse(rule)
}
