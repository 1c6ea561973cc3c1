import { RegistryRefusal, Rules } from './refusals.ts'
import { LCM, RIM, readObjects } from './registry-objects.ts'
import { METADATA, slot } from './rules-common.ts'
import { checkSet } from './rules-set.ts'
import type { FiledDocument, Store } from './store.ts'
import type { Vihf } from './vihf.ts'
import { at, type XmlElement } from './xml-tree.ts'

const UPDATE_STATUS = 'urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus'
const APPROVED = 'urn:oasis:names:tc:ebxml-regrep:StatusType:Approved'
/** CI-SIS (spec dmp §1.11). */
export const DELETED = 'urn:asip:ci-sis:2010:StatusType:Deleted'

/**
 * Judges an ITI-57 request: TD3.3c, the deletion of one document, is the only one that an establishment certificate may ask for (spec dmp §1.2).
 * Nothing is deleted here: the caller does.
 * @returns the document and the submission set that carried the order
 * @throws RegistryRefusal
 */
export function judgeDeletion(
  payload: XmlElement,
  vihf: Vihf,
  store: Store,
  now: number,
): { document: FiledDocument; submissionSetUniqueId: string } {
  const list = at(payload, RIM, 'RegistryObjectList')
  if (payload.uri !== LCM || payload.local !== 'SubmitObjectsRequest' || !list) throw refuse('SubmitObjectsRequest is expected')
  const { set, entries, associations } = readObjects(list)
  const rules = new Rules()
  const checked = checkSet(set, vihf.structure, now, rules)
  rules.check(checked.patientId === vihf.patientId, 'XDSPatientIdDoesNotMatch', 'the set is not of the patient of the VIHF')
  rules.check(!store.hasSet(checked.uniqueId), 'XDSDuplicateUniqueIdInRegistry', 'the uniqueId of the submission set is already used')
  rules.check(entries.length === 0, METADATA, 'a deletion brings no document')
  const [change, ...others] = associations
  const isOne = change?.type === UPDATE_STATUS && others.length === 0 && change.source === set.id
  rules.check(isOne, METADATA, 'there must be one UpdateAvailabilityStatus from the set')
  const asked = ['OriginalStatus', 'NewStatus'].map(name => (change ? slot(change, name) : []))
  const isDeletion = asked.every(values => values.length === 1) && asked.flat().join(' ') === `${APPROVED} ${DELETED}`
  rules.check(isDeletion, 'XDSMetadataUpdateOperationError', 'only Approved to Deleted may be asked')
  rules.settle()
  const document = store.byEntry(change?.target ?? '')
  const isHis = document?.patientId === vihf.patientId
  if (!document || !isHis) throw new RegistryRefusal([{ code: 'XDSMetadataUpdateError', context: 'the entry is unknown' }])
  rules.check(document.availabilityStatus === 'Approved', 'XDSMetadataUpdateError', 'the entry is not Approved')
  const isOwn = document.depositor === vihf.structure && document.authorInstitution.includes(vihf.structure)
  rules.check(isOwn, 'XDSMetadataUpdateError', 'only the structure that wrote and filed it may delete it')
  rules.settle()
  return { document, submissionSetUniqueId: checked.uniqueId }
}

function refuse(context: string): RegistryRefusal {
  return new RegistryRefusal([{ code: 'XDSRegistryMetadataError', context }])
}
