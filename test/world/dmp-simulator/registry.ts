import { xml } from '../letter-people.ts'
import { type Problem, RegistryRefusal } from './refusals.ts'
import { RIM } from './registry-objects.ts'
import { errorList } from './soap.ts'
import type { FiledDocument, Store } from './store.ts'
import { ENTRY } from './tables.ts'
import { DELETED } from './update.ts'
import { isOid } from './values.ts'
import type { Vihf } from './vihf.ts'
import { at, attribute, kids, textOf, type XmlElement } from './xml-tree.ts'

const QUERY = 'urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0'
/** ITI TF-2 §3.18.4.1.2.4: GetDocuments. */
const GET_DOCUMENTS = 'urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4'
/** repositoryUniqueId of the DMP (spec dmp §1.1). */
const REPOSITORY = '1.2.250.1.213.4.1.1.1.2'

/**
 * Answers TD3.1b: the entryUUID of documents known by their uniqueId, in the DMP of the VIHF's patient. An establishment certificate
 * may ask nothing else (spec dmp §1.2).
 * A deleted document is still told, with its status.
 * @param otherPatient says that the entries are somebody else's (fault menu)
 * @returns the query:AdhocQueryResponse and how many documents it holds
 * @throws RegistryRefusal; turn it into an answer with `queryRefusal`
 */
export function answerQuery(payload: XmlElement, vihf: Vihf, store: Store, otherPatient = false): { body: string; found: number } {
  if (payload.uri !== QUERY || payload.local !== 'AdhocQueryRequest') throw refuse('XDSRegistryError', 'AdhocQueryRequest is expected')
  const returnType = attribute(at(payload, QUERY, 'ResponseOption'), 'returnType')
  if (returnType !== 'ObjectRef' && returnType !== 'LeafClass') throw refuse('XDSRegistryError', 'returnType')
  const query = at(payload, RIM, 'AdhocQuery')
  const id = attribute(query, 'id') ?? ''
  if (!query || !/^urn:uuid:/.test(id)) throw refuse('XDSUnknownStoredQuery', 'AdhocQuery/@id')
  if (id !== GET_DOCUMENTS) throw refuse('XDSRegistryError', 'an establishment certificate may only look up by uniqueId (TD3.1b)')
  const ids = uniqueIds(query)
  const found = store.filed.filter(each => ids.includes(each.uniqueId) && each.patientId === vihf.patientId)
  const objects = found
    .map(each => (otherPatient ? { ...each, patientId: each.patientId.replace(/^\d/, '9') } : each))
    .map(returnType === 'ObjectRef' ? reference : leaf)
  return { body: response('Success', `<rim:RegistryObjectList>${objects.join('')}</rim:RegistryObjectList>`), found: found.length }
}

/** @returns the AdhocQueryResponse of a refusal */
export function queryRefusal(refusal: RegistryRefusal): string {
  return response('Failure', `${errorList(refusal)}<rim:RegistryObjectList/>`)
}

function response(status: string, inside: string): string {
  const type = `urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:${status}`
  return `<query:AdhocQueryResponse xmlns:query="${QUERY}" xmlns:rim="${RIM}" status="${type}">${inside}</query:AdhocQueryResponse>`
}

function uniqueIds(query: XmlElement): string[] {
  const slots = kids(query, RIM, 'Slot')
  const [slot] = slots
  if (!slot) throw refuse('XDSStoredQueryMissingParam', '$XDSDocumentEntryUniqueId')
  const name = attribute(slot, 'name')
  if (slots.length !== 1 || name !== '$XDSDocumentEntryUniqueId')
    throw refuse('XDSStoredQueryParamNumber', 'only $XDSDocumentEntryUniqueId may be given')
  const values = kids(at(slot, RIM, 'ValueList') ?? slot, RIM, 'Value').map(textOf)
  const ids = values.flatMap(value => /^\((.*)\)$/.exec(value)?.[1]?.split(',') ?? [''])
  if (ids.length === 0 || ids.some(id => !/^'[^']*'$/.test(id.trim()) || !isOid(id.trim().slice(1, -1))))
    throw refuse('XDSStoredQueryParamNumber', "the value must be ('OID')")
  return ids.map(id => id.trim().slice(1, -1))
}

function reference({ entryUUID }: FiledDocument): string {
  return `<rim:ObjectRef id="${entryUUID}"/>`
}

function leaf(document: FiledDocument): string {
  const slot = (name: string, value: string) =>
    `<rim:Slot name="${name}"><rim:ValueList><rim:Value>${xml(value)}</rim:Value></rim:ValueList></rim:Slot>`
  const external = (scheme: string, name: string, value: string) =>
    `<rim:ExternalIdentifier id="${document.entryUUID}-${name}" registryObject="${document.entryUUID}" identificationScheme="${scheme}" \
value="${xml(value)}"><rim:Name><rim:LocalizedString value="XDSDocumentEntry.${name}"/></rim:Name></rim:ExternalIdentifier>`
  return `<rim:ExtrinsicObject id="${document.entryUUID}" lid="${document.entryUUID}" mimeType="text/xml" objectType="${ENTRY.stable}" \
status="${statusOf(document)}">\
${slot('repositoryUniqueId', REPOSITORY)}${slot('hash', document.sha1)}${slot('size', String(document.size))}\
${external(ENTRY.patientId, 'patientId', document.patientId)}${external(ENTRY.uniqueId, 'uniqueId', document.uniqueId)}\
</rim:ExtrinsicObject>`
}

function statusOf({ availabilityStatus }: FiledDocument): string {
  return availabilityStatus === 'Deleted' ? DELETED : `urn:oasis:names:tc:ebxml-regrep:StatusType:${availabilityStatus}`
}

function refuse(code: Problem['code'], context: string): RegistryRefusal {
  return new RegistryRefusal([{ code, context }])
}
