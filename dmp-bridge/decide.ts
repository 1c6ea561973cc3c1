import type { CdaFacts, FoundDocument, PartyFacts, PatientFacts, Recognition } from './facts.ts'
import { formatDtm, toDtm } from './hl7-time.ts'
import { hasValidKey, INS_OIDS, parseCx, sameIns } from './ins.ts'
import type { Reason } from './reasons.ts'
import { shippedTables, type Tables } from './tables.ts'
import { twinshipOf } from './twins.ts'

/** Who sends the message, as the session knew it (never as a header says it). */
export interface Sender {
  /** of the box */
  address: string
  /** PS_IdNat of the professional, e.g. `8` + RPPS; a box of an organisation has none */
  idNatPs?: string
  /** Struct_IdNat of his structures, e.g. `1` + FINESS */
  structures: string[]
  /** the box declared that it informs its patients and records oppositions (decision 7) */
  declared: boolean
}

/** What this operator files, and as whom. */
export interface Policy {
  /** INS authorities that may be filed: .8 and .9 in production, .10 only where tests are (`INS_OIDS`) */
  insOids: readonly string[]
  maxDocumentBytes: number
  /** Struct_IdNat of our certificate */
  structure: string
  /** geographic structures that it speaks for, when it is one of a legal entity (spec dmp §1.3) */
  sites?: readonly string[]
  structureName: string
  /** SAxx^1.2.250.1.71.4.2.4 (JDV_J61) goes in the VIHF: the code alone here */
  sector: string
  /** who answers for the automated processing: the VIHF names him when the box has no professional */
  responsible: { idNatPs: string; name: string }
}

export type Verdict = { action: 'file' } | { action: 'hold' | 'ignore'; reasons: Reason[] }

export interface DecideOptions {
  tables?: Tables
  now?: Date
}

/**
 * Decides what happens to one document of a message. Pure: the same bytes and facts give the same verdict.
 * @param options.tables the code tables; the ones that come with the program by default
 * @param options.now with it a document dated in the future is held: the DMP would refuse it
 * @returns `file`, or all the reasons against it. What is unknown is a reason (decision 7: hold beats wrong)
 */
export function decide(
  document: FoundDocument,
  message: Recognition,
  sender: Sender,
  policy: Policy,
  options: DecideOptions = {},
): Verdict {
  // The same bytes may come twice (two archives of one document were met): the first copy stands for all, with what is said of each.
  const copies = document.content.length === 0 ? [document] : message.documents.filter(each => each.sha256 === document.sha256)
  if (copies[0] && copies[0].path !== document.path) return { action: 'ignore', reasons: ['duplicate'] }
  const twinship = twinshipOf(document, message.documents)
  const twins = 'twin' in twinship ? message.documents.filter(each => each.sha256 === twinship.twin.sha256) : []
  // A mark is about the document in whichever form: what is marked is never a mere copy.
  const isMarked = [...copies, ...twins].some(each => each.marks.length > 0 || isMarkedElsewhere(each.cda, message))
  if (twinship.kind === 'left' && !isMarked) return { action: 'ignore', reasons: ['twin'] }
  if (!isMarked && copies.some(each => each.faults.includes('not-for-dmp'))) return { action: 'ignore', reasons: ['not-for-dmp'] }
  const tables = options.tables ?? shippedTables()
  const reasons: Reason[] = [...copies.flatMap(each => each.faults), ...message.faults]
  if (twinship.kind === 'unclear') reasons.push('twins-differ')
  if (twinship.kind === 'left') reasons.push('twin')
  if (document.content.length > policy.maxDocumentBytes) reasons.push('too-big')
  if (isMarked) reasons.push('marked')
  if (!sender.declared) reasons.push('not-declared')
  if (document.cda) reasons.push(...judgeDates(document.cda, options.now))
  if (document.cda) reasons.push(...judgeCda(document.cda, copies, message, sender, policy, tables))
  else if (document.faults.length === 0) reasons.push('reading-failed')
  return reasons.length === 0 ? { action: 'file' } : { action: 'hold', reasons: [...new Set(reasons)] }
}

function judgeCda(cda: CdaFacts, copies: FoundDocument[], message: Recognition, sender: Sender, policy: Policy, tables: Tables): Reason[] {
  const others = message.documents.filter(each => !copies.includes(each)).map(each => each.cda)
  return [
    ...judgeIdentifier(cda, others),
    ...judgePatient(cda, policy),
    ...copies.flatMap(copy => judgeMetadata(copy, cda)),
    ...(isOfAnother(message, others, copies, cda) ? (['two-patients'] as const) : []),
    ...judgeCodes(cda, tables),
    ...judgeAuthors(cda, sender, policy, tables),
  ]
}

function judgeIdentifier(cda: CdaFacts, others: (CdaFacts | undefined)[]): Reason[] {
  const reasons: Reason[] = []
  if (cda.uniqueId === '') reasons.push('no-id')
  else if (!isOid(cda.uniqueId)) reasons.push('id-not-oid') // EX_2.1-1130
  if (cda.idExtension !== undefined) reasons.push('id-extension') // spec dmp §1.9
  if (others.some(other => other?.uniqueId === cda.uniqueId && other.idExtension === cda.idExtension)) reasons.push('id-conflict')
  if (!isPlainReplacement(cda, others)) reasons.push('replacement')
  const matricule = cda.patient.ins?.matricule.slice(0, 13)
  if (matricule && documentId(cda).includes(matricule)) reasons.push('id-tells-patient') // ids go where no identity may: logs, rows, URLs
  return reasons
}

/** A parent that is found by its id alone, another document, and not one of this message: which of the two would go first? */
function isPlainReplacement({ uniqueId, replaces, related }: CdaFacts, others: (CdaFacts | undefined)[]): boolean {
  if (related) return false
  return replaces === undefined || (isOid(replaces) && replaces !== uniqueId && !others.some(other => other?.uniqueId === replaces))
}

/** The document and its act are dated to the day at least, the act does not end before it starts, and nothing is written tomorrow. */
function judgeDates(cda: CdaFacts, now: Date | undefined): Reason[] {
  const [written, start, stop] = [cda.effectiveTime, cda.service.start ?? '', cda.service.stop].map(each =>
    each === undefined ? undefined : toDtm(each),
  )
  const endsWell = cda.service.stop === undefined || (stop !== undefined && start !== undefined && stop >= start)
  const isFuture = now !== undefined && written !== undefined && written > formatDtm(new Date(now.getTime() + CLOCK_TOLERANCE_MS))
  return written === undefined || start === undefined || !endsWell || isFuture ? ['bad-date'] : []
}

/** Clocks of practices and ours may differ by this (spec dmp §1.4 wants them consistent). */
const CLOCK_TOLERANCE_MS = 4 * 60_000

/** ITI TF-3 §4.2.3.1.7: at most 64 characters. */
function isOid(text: string): boolean {
  return text.length <= 64 && /^[0-2](\.(0|[1-9]\d*))+$/.test(text)
}

function judgePatient(cda: CdaFacts, policy: Policy): Reason[] {
  const { patient } = cda
  const reasons: Reason[] = []
  if (cda.recordTargets !== 1) reasons.push('several-record-targets')
  if (!patient.ins) reasons.push('no-ins')
  else {
    if (!hasValidKey(patient.ins.matricule)) reasons.push('bad-ins-key')
    if (!policy.insOids.includes(patient.ins.oid)) reasons.push('ins-oid-not-allowed')
  }
  if (patient.identities > 1) reasons.push('several-ins')
  const { birthName, firstName, birthDate, sex, birthPlace } = patient
  if (isContradictory(patient, cda.effectiveTime)) reasons.push('identity-unclear')
  if (!birthName || !firstName || !birthDate || !/^[MF]$/.test(sex ?? '') || !birthPlace) reasons.push('traits-missing')
  return reasons
}

/**
 * A birth date that no calendar has, or after the document; a NIR (1 man, 2 woman, then the year) that says another sex or year than the
 * traits. First digits other than 1 and 2 are of provisional numbers, and say nothing; nor does a number whose key is wrong.
 */
function isContradictory(patient: PatientFacts, written: string): boolean {
  const { birthDate, sex, ins } = patient
  if (birthDate !== undefined && (toDtm(birthDate) === undefined || (written !== '' && birthDate > written.slice(0, 8)))) return true
  const [, digit, year] = /^([12])(\d{2})/.exec(ins?.matricule ?? '') ?? []
  if (!ins || digit === undefined || ins.oid === INS_OIDS.nia || !hasValidKey(ins.matricule)) return false
  const isOtherSex = (sex === 'M' && digit === '2') || (sex === 'F' && digit === '1')
  return isOtherSex || (birthDate !== undefined && birthDate.slice(2, 4) !== year)
}

/** The recipient takes the patient from METADATA.XML (ECO.2.1.2): each of its entries and the document must say the same. */
function judgeMetadata(document: FoundDocument, cda: CdaFacts): Reason[] {
  const reasons: Reason[] = []
  for (const entry of document.metadata ?? []) {
    if (!isOnly(entry.uniqueIds, id => id === documentId(cda))) reasons.push('metadata-unique-id')
    const agrees = isOnly(entry.patientIds, cx => isOfPatient(cx, cda)) && entry.otherPatientIds.every(cx => isOfPatient(cx, cda))
    if (!agrees) reasons.push('metadata-patient')
    if (!entry.confidentiality.includes('N')) reasons.push('not-normal')
    if (entry.replaces && cda.replaces === undefined) reasons.push('replacement')
  }
  return reasons
}

function isOnly(values: string[], right: (value: string) => boolean): boolean {
  return values.length > 0 && values.every(right)
}

function documentId(cda: CdaFacts): string {
  return cda.idExtension === undefined ? cda.uniqueId : `${cda.uniqueId}^${cda.idExtension}`
}

function isOfPatient(cx: string, cda: CdaFacts): boolean {
  const ins = parseCx(cx)
  return ins !== undefined && cda.patient.ins !== undefined && sameIns(ins, cda.patient.ins)
}

/** A mark is about the document that has the id, even where the entry's file is missing or another (decision 7). */
function isMarkedElsewhere(cda: CdaFacts | undefined, message: Recognition): boolean {
  if (!cda) return false
  return (message.described ?? []).some(
    entry => entry.uniqueIds.some(id => bareId(id) === bareId(documentId(cda))) && entry.confidentiality.some(code => code !== 'N'),
  )
}

function bareId(id: string): string {
  return id.toLowerCase().replace(/^urn:(oid|uuid):/, '')
}

/** Anything in the message that is about somebody else: one patient a message (ECO.2.1.1). */
function isOfAnother(message: Recognition, others: (CdaFacts | undefined)[], copies: FoundDocument[], cda: CdaFacts): boolean {
  if (others.some(other => other && !samePatient(other, cda)) || namesAnother(message, copies, cda)) return true
  return (message.births ?? []).some(born => born !== cda.patient.birthDate)
}

/** An entry for a file that is no CDA (a PDF) names a patient too: one patient a message (ECO.2.1.1). */
function namesAnother(message: Recognition, copies: FoundDocument[], cda: CdaFacts): boolean {
  const judged = new Set(copies.flatMap(each => each.metadata ?? []))
  return (message.described ?? []).some(entry => !judged.has(entry) && !entry.patientIds.every(cx => isOfPatient(cx, cda)))
}

/** One patient a message (ECO.2.1.1): the identity when both have one, and never two birth dates; else all traits. */
function samePatient(a: CdaFacts, b: CdaFacts): boolean {
  const [one, two] = [a.patient, b.patient]
  if (one.birthDate !== two.birthDate) return false
  if (one.ins && two.ins) return sameIns(one.ins, two.ins)
  return one.birthName === two.birthName && one.firstName === two.firstName && one.sex === two.sex
}

function judgeCodes(cda: CdaFacts, tables: Tables): Reason[] {
  const reasons: Reason[] = []
  const found = tables.classOf(cda.typeCode)
  if (!tables.hasType(cda.typeCode)) reasons.push('unknown-type')
  else if (!found) reasons.push('unknown-class')
  else if (!found.professional || cda.typeCode.code.startsWith('DOCPAT')) reasons.push('type-not-for-professionals') // spec dmp §2.5
  if (!tables.formatOf(cda) || !tables.hasRequiredModel(cda)) reasons.push('unknown-format')
  if (cda.labStatus !== undefined && cda.labStatus !== 'completed') reasons.push('partial-biology') // REC_GEN-1070
  if (!tables.facility(cda.facility)) reasons.push('unknown-facility')
  if (!tables.practice(cda.practice)) reasons.push('unknown-practice')
  if (tables.needsAnnouncement(cda)) reasons.push('announce-first')
  if (cda.confidentiality !== 'N' || cda.confidentialitySystem !== tables.confidentiality('N')?.system) reasons.push('not-normal')
  if (cda.language !== 'fr-FR') reasons.push('not-french')
  return reasons
}

/** The author feeds the DMP (decision 6): the sender must be he, or of one of his structures, and we must be allowed to speak for one of them. */
function judgeAuthors(cda: CdaFacts, sender: Sender, policy: Policy, tables: Tables): Reason[] {
  const reasons: Reason[] = []
  if (cda.authors.length === 0 || !cda.authors.every(isIdentified)) reasons.push('author-missing')
  if (!cda.authors.some(each => isMine(each, sender))) reasons.push('author-not-sender')
  if (structureOf(cda, sender, policy) === undefined) reasons.push('author-structure')
  if (cda.authors.some(each => each.specialty && !tables.hasSpecialty(each.specialty))) reasons.push('unknown-specialty')
  if (!isIdentified(cda.legalAuthenticator)) reasons.push('authenticator-missing')
  return reasons
}

/** By the register of professionals, or a device by any identifier: the only forms of an author that the DMP knows (spec dmp §2.1). */
function isIdentified(party: PartyFacts | undefined): boolean {
  return (party?.idNatPs !== undefined || (party?.device === true && party.id !== undefined)) && party.family !== ''
}

/** Whether an author is the sender, or of one of his structures. */
function isMine(author: PartyFacts, sender: Sender): boolean {
  return (sender.idNatPs !== undefined && author.idNatPs === sender.idNatPs) || author.structures.some(id => sender.structures.includes(id))
}

/**
 * The structure as which a document is deposited: one that our certificate speaks for and in which an author who is the sender, or his
 * colleague, worked; that of another author would name as depositor who did not send. The DMP refuses any other ("Aucun
 * AuthorInstitution ne correspond à l'utilisateur du VIHF", EX_2.1-1140).
 */
export function structureOf(cda: CdaFacts, sender: Sender, policy: Policy): string | undefined {
  const mine = cda.authors.filter(each => isMine(each, sender))
  const structures = (mine.length > 0 ? mine : cda.authors).flatMap(each => each.structures) // without the sender it is held for that
  return [policy.structure, ...(policy.sites ?? [])].find(each => structures.includes(each))
}
