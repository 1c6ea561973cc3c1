import type { Policy, Sender } from './decide.ts'
import type { CdaFacts, Coded, PartyFacts } from './facts.ts'
import { formatDtm, toDtm } from './hl7-time.ts'
import { formatCx } from './ins.ts'
import { structureOf } from './judging/authors.ts'
import type { Tables } from './tables.ts'
import { authority, codedElement, component, nationalXcn, sourceId, uuidOid, xcn, xon } from './xds-types.ts'

/** An author in XDS forms. */
export interface AuthorMetadata {
  person: string
  institutions: string[]
  role?: string
  specialty?: string
}

/** What is said of one document, whatever the protocol (decision 8). Times are DTM in UTC. */
export interface EntryMetadata {
  uniqueId: string
  mimeType: string
  title: string
  language: string
  creationTime: string
  serviceStart: string
  serviceStop?: string
  patientId: string
  sourcePatientId: string
  sourcePatientInfo: string[]
  authors: AuthorMetadata[]
  legalAuthenticator?: string
  class: Coded
  type: Coded
  format: Coded
  facility: Coded
  practice: Coded
  confidentiality: Coded[]
  events: Coded[]
}

/** What is said of the submission: its author is who deposits. */
export interface SetMetadata {
  uniqueId: string
  sourceId: string
  patientId: string
  submissionTime: string
  title: string
  author: AuthorMetadata
  content: Coded
}

/**
 * The metadata of a document from its header and the code tables (spec dmp §2.1).
 * @throws Error when the document lacks something that `decide` holds it for: only what it lets through comes here
 */
export function entryMetadata(cda: CdaFacts, tables: Tables): EntryMetadata {
  const { ins } = cda.patient
  const [type, classCode] = [cda.typeCode, tables.classOf(cda.typeCode)]
  const [format, facility, practice] = [tables.formatOf(cda), tables.facility(cda.facility), tables.practice(cda.practice)]
  const confidentiality = tables.confidentiality(cda.confidentiality)
  const [creationTime, serviceStart] = [toDtm(cda.effectiveTime), toDtm(cda.service.start ?? '')]
  if (!ins || !classCode || !format || !facility || !practice || !confidentiality || !creationTime || !serviceStart) {
    throw new Error('a document that can not be filed was given to be filed')
  }
  const { localId } = cda.patient
  const stop = toDtm(cda.service.stop ?? '')
  return {
    uniqueId: cda.uniqueId,
    mimeType: cda.selfPresentable ? 'application/xslt+xml' : 'text/xml', // spec dmp §1.9
    title: cda.title || type.label || type.code,
    language: cda.language,
    creationTime,
    serviceStart,
    ...(stop && { serviceStop: stop }),
    patientId: formatCx(ins),
    sourcePatientId:
      localId && authority(localId.root) !== '' ? `${component(localId.extension)}^^^${authority(localId.root)}^PI` : formatCx(ins),
    sourcePatientInfo: patientInfo(cda),
    authors: cda.authors.map(authorMetadata),
    ...(cda.legalAuthenticator && { legalAuthenticator: xcn(cda.legalAuthenticator) }),
    class: { code: classCode.code, system: classCode.system, label: classCode.label },
    type: { ...type, label: type.label || cda.title || type.code },
    ...{ format, facility, practice },
    confidentiality: [confidentiality],
    events: cda.events.map(each => ({ ...each, label: each.label || each.code })),
  }
}

function patientInfo({ patient }: CdaFacts): string[] {
  const name = `${component(patient.birthName ?? '')}^${component(patient.firstName ?? '')}^^^^^L`
  return [`PID-5|${name}`, `PID-7|${component(patient.birthDate ?? '')}`, `PID-8|${component(patient.sex ?? '')}`]
}

/** @returns one author of a document in XDS forms */
export function authorMetadata(author: PartyFacts): AuthorMetadata {
  return {
    person: xcn(author),
    institutions: author.structures.map(each => xon(author.organisation ?? each, each)),
    ...(author.role && { role: author.role }),
    ...(author.specialty && { specialty: codedElement(author.specialty) }),
  }
}

/**
 * @param context.others how many documents the set has beside the first
 * @param context.setId a UUID, new for each attempt: a registry that committed before a timeout would refuse the same set twice
 */
export function setMetadata(
  cda: CdaFacts,
  entry: EntryMetadata,
  context: { depositor: Depositor; policy: Policy; tables: Tables; now: Date; setId: string; others: number },
): SetMetadata {
  return {
    uniqueId: uuidOid(context.setId),
    sourceId: sourceId(context.policy.structure),
    patientId: entry.patientId,
    submissionTime: formatDtm(context.now),
    title: titleOf(entry.title, context.others),
    author: context.depositor.author,
    content: context.tables.contentOf(cda),
  }
}

function titleOf(first: string, others: number): string {
  if (others === 0) return first
  return `${first} et ${others === 1 ? 'un autre document' : `${others} autres documents`}`
}

/**
 * As whom a document is deposited (EX_2.1-1140): the structure is one that our certificate speaks for and an author worked in; the person is the
 * author who sends, else who answers for the automated processing.
 */
export interface Depositor {
  idNatPs: string
  structure: string
  author: AuthorMetadata
}

/** @throws Error when no author is of a structure of ours: `decide` holds such a document */
export function depositorOf(cda: CdaFacts, sender: Sender, policy: Policy): Depositor {
  const structure = structureOf(cda, sender, policy)
  if (structure === undefined) throw new Error('a document of no structure of ours was given to be filed')
  const person = cda.authors.find(each => each.idNatPs !== undefined && each.idNatPs === sender.idNatPs)
  const idNatPs = person?.idNatPs ?? policy.responsible.idNatPs
  const { family, given } = person ?? { family: policy.responsible.name, given: '' }
  const name = cda.authors.find(each => each.structures.includes(structure))?.organisation
  return {
    idNatPs,
    structure,
    author: {
      person: nationalXcn({ idNatPs, family, given }),
      institutions: [xon(name ?? policy.structureName, structure)],
      ...(person?.specialty && { specialty: codedElement(person.specialty) }),
    },
  }
}

/** @returns the metadata of the XAdES document that goes with a submission (spec dmp §1.6) */
export function signatureMetadata(entry: EntryMetadata, set: SetMetadata, tables: Tables, signatureUuid: string): EntryMetadata {
  const marks = ['N', 'MASQUE_PS', 'INVISIBLE_PATIENT'].map(code => tables.confidentiality(code))
  return {
    uniqueId: uuidOid(signatureUuid),
    mimeType: 'text/xml',
    title: 'Source',
    language: 'art',
    creationTime: set.submissionTime,
    serviceStart: set.submissionTime,
    patientId: entry.patientId,
    sourcePatientId: entry.sourcePatientId,
    sourcePatientInfo: entry.sourcePatientInfo,
    authors: [set.author],
    ...(entry.legalAuthenticator && { legalAuthenticator: entry.legalAuthenticator }),
    class: { code: 'urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1', system: 'URN', label: 'Digital Signature' },
    type: { code: 'E1762', system: 'ASTM', label: 'Full Document' },
    format: { code: 'http://www.w3.org/2000/09/xmldsig#', system: 'URN', label: 'Default Signature Style' },
    facility: entry.facility,
    practice: entry.practice,
    confidentiality: marks.filter(each => each !== undefined),
    events: [{ code: '1.2.840.10065.1.12.1.14', system: '1.2.840.10065.1.12', label: 'Source' }],
  }
}
