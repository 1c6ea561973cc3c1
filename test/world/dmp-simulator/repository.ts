import { createHash } from 'node:crypto'
import type { Trust } from './certificates.ts'
import { type Patients, statusOf } from './patients.ts'
import { Rules } from './refusals.ts'
import { readSubmission, type Submission } from './registry-objects.ts'
import { checkCda } from './rules-cda.ts'
import { METADATA } from './rules-common.ts'
import { type CheckedEntry, checkDocument, checkEntry } from './rules-entry.ts'
import { type CheckedSet, checkAssociations, checkSet } from './rules-set.ts'
import { checkSignatureEntry, isSignature } from './rules-signature.ts'
import { SignatureFault } from './signature.ts'
import { type FiledDocument, type Lot, type Store, sha1 } from './store.ts'
import type { Vihf } from './vihf.ts'
import { verifySubmissionSetSignature } from './xades.ts'
import { type XmlElement, XmlFault } from './xml-tree.ts'

export interface RepositoryContext {
  store: Store
  trust: Trust
  patients: Patients
  now: number
  newId: () => string
}

/** The parts of a submission, once the metadata are right. */
interface Checked {
  submission: Submission
  set: CheckedSet
  documents: CheckedEntry[]
  signature: CheckedEntry
  replacements: Map<string, string>
}

/**
 * Judges an ITI-41 request (TD2.1). Nothing is filed here: the caller commits the lot, so that it can also fail around that moment.
 * @throws RegistryRefusal, with all the problems of the first stage that has any; SoapFault DMPInvalidCertificate
 */
export function judgeSubmission(payload: XmlElement, parts: ReadonlyMap<string, Buffer>, vihf: Vihf, context: RepositoryContext): Lot {
  const submission = readSubmission(payload, parts)
  const checked = checkMetadata(submission, vihf, context.now)
  checkPatients(checked, vihf, context.patients)
  checkSeal(checked, vihf, context)
  const rules = new Rules()
  for (const entry of checked.documents) {
    const cda = checkCda(entry, content(submission, entry), rules)
    if (cda) checkReplacement(entry, cda.replaces, checked.replacements, context.store, rules)
  }
  rules.settle()
  checkKnown(checked, context.store)
  return lotOf(checked, vihf, context)
}

function checkMetadata(submission: Submission, { structure }: Vihf, now: number): Checked {
  const rules = new Rules()
  const set = checkSet(submission.set, structure, now, rules)
  const entries = submission.entries.map(object => checkEntry(object, submission.documents.get(object.id), now, rules))
  for (const id of submission.documents.keys())
    rules.check(
      entries.some(({ object }) => object.id === id),
      'XDSMissingDocumentMetadata',
      'a Document has no entry',
    )
  const signatures = entries.filter(({ object }) => isSignature(object))
  const documents = entries.filter(entry => !signatures.includes(entry))
  rules.check(signatures.length === 1, METADATA, 'the set must hold one signature')
  rules.check(documents.length >= 1, METADATA, 'the set must hold a document')
  for (const entry of documents) checkDocument(entry, structure, rules)
  for (const entry of signatures) checkSignatureEntry(entry, rules)
  const ids = [set.uniqueId, ...entries.map(({ uniqueId }) => uniqueId)]
  rules.check(new Set(ids).size === ids.length, 'XDSRegistryDuplicateUniqueIdInMessage', 'a uniqueId is used twice in the message')
  const replacements = checkAssociations(submission, signatures[0]?.object.id ?? '', rules)
  rules.settle()
  return { submission, set, documents, signature: signatures[0] as CheckedEntry, replacements }
}

/** One patient for the whole lot, the one of the VIHF, with an open DMP (spec dmp §1.5, §1.7). */
function checkPatients({ set, documents, signature }: Checked, vihf: Vihf, patients: Patients): void {
  const rules = new Rules()
  const same = [...documents, signature].every(({ patientId }) => patientId === set.patientId)
  rules.check(same, 'XDSPatientIdDoesNotMatch', 'the patientId of an entry is not the one of the set')
  rules.check(vihf.patientId === set.patientId, 'XDSPatientIdDoesNotMatch', 'the resource-id of the VIHF is not the patientId')
  const status = statusOf(set.patientId, patients)
  rules.check(status !== undefined && status !== 'INEXISTANT', 'XDSUnknownPatientId', 'no DMP for this patientId (form, authority, key)')
  rules.check(status !== 'FERME', 'DMPClosed', 'the DMP is closed')
  rules.settle()
}

function checkSeal({ submission, set, documents, signature }: Checked, { signer }: Vihf, { trust, now }: RepositoryContext): void {
  const rules = new Rules()
  try {
    const lot = documents.map(entry => ({ uniqueId: entry.uniqueId, content: content(submission, entry) }))
    const expected = { trust, now, submissionSetUniqueId: set.uniqueId, documents: lot }
    const holder = verifySubmissionSetSignature(content(submission, signature), expected)
    rules.check(holder.structure === signer.structure, 'XDSRepositoryMetadataError', 'the signature of the set is another structure’s')
  } catch (error) {
    if (!(error instanceof SignatureFault || error instanceof XmlFault)) throw error
    rules.check(false, 'XDSRepositoryMetadataError', `signature of the set: ${error.message}`)
  }
  rules.settle()
}

/** CDA relatedDocument RPLC and XDS association RPLC go together (spec dmp §1.11). */
function checkReplacement(
  { object, patientId }: CheckedEntry,
  parents: readonly (string | undefined)[],
  replacements: ReadonlyMap<string, string>,
  store: Store,
  rules: Rules,
): void {
  const target = replacements.get(object.id)
  if (target === undefined) {
    const known = parents.some(parent => parent !== undefined && store.byUniqueId(parent))
    rules.check(!known, METADATA, `${object.id}: the CDA replaces a filed document, an RPLC association must say it`)
    return
  }
  const old = store.byEntry(target)
  if (!rules.check(old?.patientId === patientId, 'XDSReplaceFailed', `${object.id}: the replaced entry is unknown`)) return
  const approved = old?.availabilityStatus === 'Approved'
  rules.check(approved, 'XDSRegistryDeprecatedDocumentError', `${object.id}: the replaced entry is already replaced`)
  rules.check(parents.includes(old?.uniqueId), METADATA, `${object.id}: the CDA does not replace the document of the RPLC association`)
}

function checkKnown({ submission, set, documents, signature }: Checked, store: Store): void {
  const rules = new Rules()
  for (const entry of [...documents, signature]) {
    const known = store.hashOf(entry.uniqueId)
    const bytes = sha1(content(submission, entry))
    rules.check(known === undefined || known === bytes, 'XDSNonIdenticalHash', `${entry.object.id}: this uniqueId has other bytes`)
    rules.check(known !== bytes, 'XDSDuplicateUniqueIdInRegistry', `${entry.object.id}: this uniqueId is already filed`)
  }
  rules.check(!store.hasSet(set.uniqueId), 'XDSDuplicateUniqueIdInRegistry', 'the uniqueId of the submission set is already used')
  rules.settle()
}

function lotOf({ submission, set, documents, signature, replacements }: Checked, vihf: Vihf, { now, newId }: RepositoryContext): Lot {
  const file = (entry: CheckedEntry): FiledDocument => {
    const bytes = content(submission, entry)
    const replaces = replacements.get(entry.object.id)
    return {
      uniqueId: entry.uniqueId,
      entryUUID: /^urn:uuid:/.test(entry.object.id) ? entry.object.id : `urn:uuid:${newId()}`,
      patientId: entry.patientId,
      typeCode: entry.typeCode,
      classCode: entry.classCode,
      formatCode: entry.formatCode,
      titleHash: createHash('sha256').update(entry.object.title).digest('hex'),
      sha1: sha1(bytes),
      size: bytes.length,
      bytes,
      authorInstitution: entry.authors.flatMap(({ institutions }) => institutions),
      marks: entry.marks,
      submissionSetUniqueId: set.uniqueId,
      availabilityStatus: 'Approved',
      depositor: vihf.structure,
      ...(replaces ? { replaces } : {}),
      filedAt: now,
    }
  }
  const seal = { uniqueId: signature.uniqueId, submissionSetUniqueId: set.uniqueId, bytes: content(submission, signature) }
  return { submissionSetUniqueId: set.uniqueId, documents: documents.map(file), signature: seal }
}

function content({ documents }: Submission, { object }: CheckedEntry): Buffer {
  return documents.get(object.id) ?? Buffer.alloc(0)
}
