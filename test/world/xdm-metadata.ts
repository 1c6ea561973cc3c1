import { createHash } from 'node:crypto'
import { REFERRAL } from './cda-builder.ts'
import { type FictionalAuthor, type FictionalPatient, utcStamp, xml } from './letter-people.ts'

/** One document of an XDM lot, as its METADATA.XML tells it. */
export interface XdmDocument {
  /** Name inside IHE_XDM/SUBSET01, the URI slot. */
  uri: string
  content: Buffer
  uniqueId: string
  title?: string
  type?: { code: string; label: string }
  formatCode?: string
  /** Marks beside the confidentiality N: MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX. They travel only here (spec dmp §4). */
  marks?: readonly string[]
}

export interface MetadataOptions {
  patient: FictionalPatient
  author: FictionalAuthor
  now: Date
  submissionSetUniqueId: string
  documents: readonly XdmDocument[]
}

const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'
const CONFIDENTIALITY = '2.16.840.1.113883.5.25'
const MARKS = '1.2.250.1.213.1.1.4.13'

/** @returns METADATA.XML: an ebRIM 3 SubmitObjectsRequest with one submission set and its documents (IHE XDM, spec dmp §4). */
export function buildMetadata(options: MetadataOptions): string {
  const objects = options.documents.map((document, index) => extrinsicObject(document, index + 1, options)).join('')
  const members = options.documents.map((_, index) => hasMember(index + 1)).join('')
  return `<?xml version="1.0" encoding="UTF-8"?>
<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns="${RIM}">
<RegistryObjectList>
${submissionSet(options)}${objects}${members}</RegistryObjectList>
</lcm:SubmitObjectsRequest>
`
}

function submissionSet(options: MetadataOptions): string {
  const { structure } = options.author
  const external = (scheme: string, name: string, value: string) =>
    externalIdentifier('SubmissionSet01', scheme, `XDSSubmissionSet.${name}`, value)
  return `<RegistryPackage id="SubmissionSet01">
${slot('submissionTime', utcStamp(options.now))}${name(options.documents[0]?.title ?? REFERRAL.label)}<Classification id="SubmissionSet01_c0" \
classifiedObject="SubmissionSet01" classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>
${author('SubmissionSet01', 'a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d', options.author)}${code(
  'SubmissionSet01',
  'aa543740-bdda-424e-8c96-df4873be8500',
  { code: '07', label: 'Consultation' },
  '1.2.250.1.213.2.2',
)}${external('6b5aea1a-874d-4603-a4bc-96a0a7b38446', 'patientId', cx(options.patient))}${external(
  '554ac39e-e3fe-47fe-b233-965d2a147832',
  'sourceId',
  `1.2.250.1.71.4.2.2.${structure.id}`,
)}${external('96fdda7c-d067-4183-912e-bf5ee74998a8', 'uniqueId', options.submissionSetUniqueId)}</RegistryPackage>
`
}

function extrinsicObject(document: XdmDocument, number: number, { patient, author: person, now }: MetadataOptions): string {
  const id = `Document${String(number).padStart(2, '0')}`
  const type = document.type ?? REFERRAL
  const sha1 = createHash('sha1').update(document.content).digest('hex')
  const identity = [
    `PID-5|${patient.birthName}^${patient.firstName}^^^^^L`,
    `PID-7|${patient.birthDate.replaceAll('-', '')}`,
    `PID-8|${patient.sex}`,
  ]
  const confidentiality = [
    code(id, 'f4f85eac-e6cb-4883-b524-f2705394840f', { code: 'N', label: 'Normal' }, CONFIDENTIALITY),
    ...(document.marks ?? []).map(mark => code(id, 'f4f85eac-e6cb-4883-b524-f2705394840f', { code: mark, label: mark }, MARKS, mark)),
  ]
  return `<ExtrinsicObject id="${id}" mimeType="text/xml" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">
${slot('hash', sha1)}${slot('size', String(document.content.length))}${slot('URI', document.uri)}${slot('creationTime', utcStamp(now))}${slot(
  'languageCode',
  'fr-FR',
)}${slot('legalAuthenticator', xcn(person))}${slot('serviceStartTime', utcStamp(now))}${slot('sourcePatientId', cx(patient))}${slot(
  'sourcePatientInfo',
  ...identity,
)}${name(document.title ?? type.label)}${author(id, '93606bcf-9494-43ec-9b4e-a7748d1a838d', person)}${code(
  id,
  '41a5887f-8865-4c09-adf7-e362475b143a',
  { code: '10', label: 'Compte rendu' },
  '1.2.250.1.213.1.1.4.1',
)}${confidentiality.join('')}${code(
  id,
  'a09d5840-386c-46f2-b5ad-9c3699a4309d',
  { code: document.formatCode ?? 'urn:ihe:iti:xds-sd:pdf:2008', label: 'Document à corps non structuré en Pdf/A-1' },
  '1.3.6.1.4.1.19376.1.2.3',
)}${code(id, 'f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1', person.structure.facility, '1.2.250.1.71.4.2.4')}${code(
  id,
  'cccf5598-8b07-4b77-a05e-ae952c785ead',
  person.structure.practice,
  '1.2.250.1.213.1.1.4.9',
)}${code(id, 'f0306f51-975f-434e-a61c-c59651d33983', type, '2.16.840.1.113883.6.1')}${externalIdentifier(
  id,
  '58a6f841-87b3-4a3e-92fd-a8ffeff98427',
  'XDSDocumentEntry.patientId',
  cx(patient),
)}${externalIdentifier(id, '2e82c1f6-a085-4c72-9da3-8640a32e42ab', 'XDSDocumentEntry.uniqueId', document.uniqueId)}</ExtrinsicObject>
`
}

function hasMember(number: number): string {
  const target = `Document${String(number).padStart(2, '0')}`
  return `<Association id="as${number}" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember" \
sourceObject="SubmissionSet01" targetObject="${target}">
${slot('SubmissionSetStatus', 'Original')}</Association>
`
}

function slot(key: string, ...values: string[]): string {
  return `<Slot name="${key}"><ValueList>${values.map(value => `<Value>${xml(value)}</Value>`).join('')}</ValueList></Slot>\n`
}

function name(value: string): string {
  return `<Name><LocalizedString xml:lang="fr-FR" charset="UTF-8" value="${xml(value)}"/></Name>\n`
}

function code(object: string, scheme: string, value: { code: string; label: string }, codingScheme: string, suffix = ''): string {
  return `<Classification id="${object}_${scheme.slice(0, 8)}${suffix}" classificationScheme="urn:uuid:${scheme}" classifiedObject="${object}" \
nodeRepresentation="${xml(value.code)}">
${slot('codingScheme', codingScheme)}${name(value.label)}</Classification>
`
}

function author(object: string, scheme: string, person: FictionalAuthor): string {
  const { structure, specialty } = person
  return `<Classification id="${object}_author" classificationScheme="urn:uuid:${scheme}" classifiedObject="${object}" nodeRepresentation="">
${slot('authorInstitution', `${structure.name}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^${structure.id}`)}${slot('authorPerson', xcn(person))}${slot(
  'authorSpecialty',
  `${specialty.code}^${specialty.label}^1.2.250.1.213.1.1.4.5`,
)}</Classification>
`
}

function externalIdentifier(object: string, scheme: string, label: string, value: string): string {
  return `<ExternalIdentifier id="${object}_${scheme.slice(0, 8)}" registryObject="${object}" identificationScheme="urn:uuid:${scheme}" \
value="${xml(value)}">
${name(label)}</ExternalIdentifier>
`
}

function cx(patient: FictionalPatient): string {
  return `${patient.ins ?? ''}^^^&${patient.insOid}&ISO^NH`
}

function xcn(person: FictionalAuthor): string {
  return `8${person.rpps}^${person.lastName}^${person.firstName}^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS`
}
