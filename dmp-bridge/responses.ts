import type { DmpAnswer, DmpEntry, DmpStatus } from './dmp.ts'
import type { Ins } from './facts.ts'
import { parseCx, sameIns } from './ins.ts'
import { attribute, children, find, findAll, textOf, type XmlElement } from './xml.ts'

const HL7 = 'urn:hl7-org:v3'
const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'
const ENTRY_UNIQUE_ID = 'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab'
const ENTRY_PATIENT_ID = 'urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427'

/** What was asked in TD0.2: for whom, and the root of its queryId. */
export interface ExistenceQuestion {
  ins: Ins
  queryId: string
}
export type ExistenceAnswer = { kind: 'status'; status: DmpStatus } | Exclude<DmpAnswer, { kind: 'accepted' }>
/** What was asked in TD3.1b: which document, of whom. */
export interface LookupQuestion {
  uniqueId: string
  ins: Ins
}
export type LookupAnswer = DmpEntry | Exclude<DmpAnswer, { kind: 'accepted' }>

const STATUSES: Readonly<Record<string, DmpStatus>> = { ACTIF: 'active', FERME: 'closed', INEXISTANT: 'absent' }

/**
 * PRPA_IN201308UV02 (spec dmp §1.7): `queryResponseCode` NF says that there is no DMP; with OK the state stands as ACTIF, FERME or
 * INEXISTANT. Where exactly is not public, so it is looked for by its words, outside the patient's names, and must be said in one
 * way only: of one patient, the one who was asked for.
 */
export function existenceAnswer(content: XmlElement, asked: ExistenceQuestion): ExistenceAnswer {
  if (!isExistenceResponse(content)) return { kind: 'unreadable' }
  const control = find(content, 'controlActProcess')
  const echo = attribute(find(control, 'queryAck', 'queryId'), 'root')
  if (echo !== undefined && echo !== asked.queryId) return { kind: 'unreadable' }
  const code = attribute(find(control, 'queryAck', 'queryResponseCode'), 'code')
  const subjects = children(control, 'subject')
  if (code === 'NF' && subjects.length === 0) return { kind: 'status', status: 'absent' }
  const [subject] = subjects
  if (code !== 'OK' || !subject || subjects.length > 1 || !isOf(subject, asked.ins)) return { kind: 'unreadable' }
  const [status, ...others] = new Set(wordsOf(subject).flatMap(word => STATUSES[word] ?? []))
  return status && others.length === 0 ? { kind: 'status', status } : { kind: 'unreadable' }
}

/** @returns whether this is an answer to TD0.2, whatever it says */
export function isExistenceResponse(content: XmlElement): boolean {
  return content.name === 'PRPA_IN201308UV02' && content.ns === HL7
}

/** One patient, one person, and the INS that was asked for among the patient's identities. */
function isOf(subject: XmlElement, ins: Ins): boolean {
  const patients = findAll(subject, 'patient', HL7)
  if (patients.length !== 1 || findAll(subject, 'patientPerson', HL7).length !== 1) return false
  const others = findAll(find(patients[0], 'patientPerson'), 'asOtherIDs', HL7)
  const ids = [patients[0], ...others].flatMap(each => children(each, 'id'))
  return ids.some(id => attribute(id, 'root') === ins.oid && attribute(id, 'extension') === ins.matricule)
}

function wordsOf(element: XmlElement): string[] {
  if (element.name === 'patientPerson') return [] // people are called ACTIF or FERME too
  const own = [attribute(element, 'code'), attribute(element, 'value'), attribute(element, 'extension'), textOf(element)]
  return [...own.filter(each => each !== undefined), ...element.children.flatMap(wordsOf)]
}

/**
 * AdhocQueryResponse: the entry whose uniqueId is the one asked for, or none. One that is of another patient, or of none, is not what was
 * asked for; a deleted one is no longer there. Of several versions the first that is there counts.
 */
export function lookupAnswer(content: XmlElement, { uniqueId, ins }: LookupQuestion): LookupAnswer {
  if (content.name !== 'AdhocQueryResponse') return { kind: 'unreadable' }
  const status = attribute(content, 'status')
  if (!status?.endsWith(':Success')) return failureOf(content)
  const entries = findAll(content, 'ExtrinsicObject', RIM).filter(each => identifiers(each, ENTRY_UNIQUE_ID).includes(uniqueId))
  const isHis = (cx: string) => {
    const patient = parseCx(cx)
    return patient !== undefined && sameIns(patient, ins)
  }
  const patients = entries.map(each => identifiers(each, ENTRY_PATIENT_ID))
  if (patients.some(ids => ids.length === 0 || !ids.every(isHis))) return { kind: 'of-another-patient' }
  const entryUuid = attribute(
    entries.find(each => !isDeleted(each)),
    'id',
  )
  if (entryUuid !== undefined) return { kind: 'found', entryUuid }
  return entries.some(isDeleted) ? { kind: 'absent', deleted: true } : { kind: 'absent' }
}

function identifiers(entry: XmlElement, scheme: string): string[] {
  const own = findAll(entry, 'ExternalIdentifier', RIM).filter(each => attribute(each, 'identificationScheme') === scheme)
  return own.map(each => attribute(each, 'value') ?? '')
}

function isDeleted(entry: XmlElement): boolean {
  return attribute(entry, 'status') === 'urn:asip:ci-sis:2010:StatusType:Deleted'
}

function failureOf(content: XmlElement): LookupAnswer {
  const codes = findAll(content, 'RegistryError').map(each => attribute(each, 'errorCode') ?? 'unnamed-code')
  return codes.length > 0 ? { kind: 'errors', codes } : { kind: 'unreadable' }
}
