import type { Coded } from './facts.ts'
import type { AuthorMetadata, EntryMetadata, SetMetadata } from './metadata.ts'
import { element, type XmlOut } from './xml-writer.ts'

export const LCM = 'urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0'
export const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'
const XDSB = 'urn:ihe:iti:xds-b:2007'
const XOP = 'http://www.w3.org/2004/08/xop/include'
const STABLE_DOCUMENT = 'urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1'
const SUBMISSION_SET = 'urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd'

/** Schemes of the attributes of a document entry and of a submission set (ITI TF-3 §4.2.5, spec dmp §1.5 and §2.1). */
const ENTRY = {
  author: 'urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d',
  class: 'urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a',
  type: 'urn:uuid:f0306f51-975f-434e-a61c-c59651d33983',
  confidentiality: 'urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f',
  format: 'urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d',
  facility: 'urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1',
  practice: 'urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead',
  event: 'urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4',
  patientId: 'urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427',
  uniqueId: 'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab',
}
const SET = {
  author: 'urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d',
  content: 'urn:uuid:aa543740-bdda-424e-8c96-df4873be8500',
  patientId: 'urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446',
  sourceId: 'urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832',
  uniqueId: 'urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8',
}

/** One document of a submission: what is said of it, and where its bytes are in the multipart. */
export interface SubmittedDocument {
  /** symbolic id inside the request */
  id: string
  metadata: EntryMetadata
  /** entryUUID of the document that it replaces */
  replaces?: string
  /** Content-ID without angle brackets */
  contentId: string
}

/**
 * The body of ITI-41: submission set, one entry for each document, and the associations (spec dmp §1.5).
 * @param signature the XAdES document; it signs the set and is a member of it
 */
export function provideAndRegister(set: SetMetadata, documents: SubmittedDocument[], signature: SubmittedDocument): XmlOut {
  const all = [...documents, signature]
  const members = all.map(each =>
    association('urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember', SET_ID, each.id, { SubmissionSetStatus: 'Original' }),
  )
  const replacements = documents.flatMap(({ id, replaces }) =>
    replaces === undefined ? [] : [association('urn:ihe:iti:2007:AssociationType:RPLC', id, replaces)],
  )
  const signs = association('urn:ihe:iti:2007:AssociationType:signs', signature.id, SET_ID)
  return element(
    'xdsb:ProvideAndRegisterDocumentSetRequest',
    { 'xmlns:xdsb': XDSB },
    element(
      'lcm:SubmitObjectsRequest',
      { 'xmlns:lcm': LCM },
      element(
        'rim:RegistryObjectList',
        { 'xmlns:rim': RIM },
        submissionSet(set),
        ...all.map(each => documentEntry(each.id, each.metadata)),
        ...members,
        signs,
        ...replacements,
      ),
    ),
    ...all.map(each =>
      element(
        'xdsb:Document',
        { id: each.id },
        element('xop:Include', { 'xmlns:xop': XOP, href: `cid:${encodeURIComponent(each.contentId)}` }),
      ),
    ),
  )
}

/** Symbolic id of the submission set inside a request. */
export const SET_ID = 'SubmissionSet01'

/** @returns the RegistryPackage of a submission, with `SET_ID` as its id */
export function submissionSet(set: SetMetadata): XmlOut {
  const within = ids(SET_ID)
  return element(
    'rim:RegistryPackage',
    { id: SET_ID, objectType: 'urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage' },
    slot('submissionTime', [set.submissionTime]),
    named(set.title),
    element('rim:Classification', {
      id: within(),
      classifiedObject: SET_ID,
      classificationNode: SUBMISSION_SET,
      objectType: CLASSIFICATION,
    }),
    author(SET.author, SET_ID, within(), set.author),
    code(SET.content, SET_ID, within(), set.content),
    identifier(SET.patientId, SET_ID, within(), set.patientId, 'XDSSubmissionSet.patientId'),
    identifier(SET.sourceId, SET_ID, within(), set.sourceId, 'XDSSubmissionSet.sourceId'),
    identifier(SET.uniqueId, SET_ID, within(), set.uniqueId, 'XDSSubmissionSet.uniqueId'),
  )
}

function documentEntry(id: string, entry: EntryMetadata): XmlOut {
  const within = ids(id)
  const codes: [string, Coded][] = [
    [ENTRY.class, entry.class],
    [ENTRY.type, entry.type],
    [ENTRY.format, entry.format],
    [ENTRY.facility, entry.facility],
    [ENTRY.practice, entry.practice],
    ...entry.confidentiality.map((each): [string, Coded] => [ENTRY.confidentiality, each]),
    ...entry.events.map((each): [string, Coded] => [ENTRY.event, each]),
  ]
  return element(
    'rim:ExtrinsicObject',
    { id, objectType: STABLE_DOCUMENT, mimeType: entry.mimeType },
    slot('creationTime', [entry.creationTime]),
    slot('languageCode', [entry.language]),
    entry.legalAuthenticator === undefined ? undefined : slot('legalAuthenticator', [entry.legalAuthenticator]),
    entry.serviceStart === undefined ? undefined : slot('serviceStartTime', [entry.serviceStart]),
    entry.serviceStop === undefined ? undefined : slot('serviceStopTime', [entry.serviceStop]),
    slot('sourcePatientId', [entry.sourcePatientId]),
    slot('sourcePatientInfo', entry.sourcePatientInfo),
    named(entry.title),
    ...entry.authors.map(each => author(ENTRY.author, id, within(), each)),
    ...codes.map(([scheme, each]) => code(scheme, id, within(), each)),
    identifier(ENTRY.patientId, id, within(), entry.patientId, 'XDSDocumentEntry.patientId'),
    identifier(ENTRY.uniqueId, id, within(), entry.uniqueId, 'XDSDocumentEntry.uniqueId'),
  )
}

const CLASSIFICATION = 'urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification'
const EXTERNAL_IDENTIFIER = 'urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier'
const ASSOCIATION = 'urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association'

function author(scheme: string, object: string, id: string, who: AuthorMetadata): XmlOut {
  return element(
    'rim:Classification',
    { id, classificationScheme: scheme, classifiedObject: object, nodeRepresentation: '', objectType: CLASSIFICATION },
    slot('authorPerson', [who.person]),
    who.institutions.length > 0 ? slot('authorInstitution', who.institutions) : undefined,
    who.role === undefined ? undefined : slot('authorRole', [who.role]),
    who.specialty === undefined ? undefined : slot('authorSpecialty', [who.specialty]),
  )
}

function code(scheme: string, object: string, id: string, value: Coded): XmlOut {
  return element(
    'rim:Classification',
    { id, classificationScheme: scheme, classifiedObject: object, nodeRepresentation: value.code, objectType: CLASSIFICATION },
    slot('codingScheme', [value.system]),
    named(value.label),
  )
}

function identifier(scheme: string, object: string, id: string, value: string, name: string): XmlOut {
  return element(
    'rim:ExternalIdentifier',
    { id, registryObject: object, identificationScheme: scheme, value, objectType: EXTERNAL_IDENTIFIER },
    element('rim:Name', {}, element('rim:LocalizedString', { value: name })),
  )
}

/** @param slots by name, one value each */
export function association(type: string, source: string, target: string, slots: Readonly<Record<string, string>> = {}): XmlOut {
  return element(
    'rim:Association',
    {
      id: `${type.split(':').at(-1)}-${source}-${target}`,
      associationType: type,
      sourceObject: source,
      targetObject: target,
      objectType: ASSOCIATION,
    },
    ...Object.entries(slots).map(([name, value]) => slot(name, [value])),
  )
}

function slot(name: string, values: string[]): XmlOut {
  return element('rim:Slot', { name }, element('rim:ValueList', {}, ...values.map(each => element('rim:Value', {}, each))))
}

function named(value: string): XmlOut {
  return element('rim:Name', {}, element('rim:LocalizedString', { 'xml:lang': 'fr-FR', charset: 'UTF-8', value }))
}

function ids(prefix: string): () => string {
  let count = 0
  return () => {
    count += 1
    return `${prefix}-${String(count).padStart(2, '0')}`
  }
}
