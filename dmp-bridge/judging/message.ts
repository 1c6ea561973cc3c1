import type { CdaFacts, FoundDocument, MetadataFacts, Recognition } from '../facts.ts'
import { parseCx, sameIns } from '../ins.ts'
import type { Reason } from '../reasons.ts'
import { plainWords } from '../subject.ts'
import { documentId } from './identifier.ts'

/** The recipient takes the patient from METADATA.XML (ECO.2.1.2): each of its entries and the document must say the same. */
export function judgeMetadata(document: FoundDocument, cda: CdaFacts): Reason[] {
  const reasons: Reason[] = []
  for (const entry of document.metadata ?? []) {
    if (!isOnly(entry.uniqueIds, id => id === documentId(cda))) reasons.push('metadata-unique-id')
    const agrees = isOnly(entry.patientIds, cx => isOfPatient(cx, cda)) && entry.otherPatientIds.every(cx => isOfPatient(cx, cda))
    if (!agrees || !saysSamePerson(entry, cda)) reasons.push('metadata-patient')
    if (!entry.types.every(type => type === cda.typeCode.code)) reasons.push('metadata-type')
    if (!entry.confidentiality.includes('N')) reasons.push('not-normal')
    if (entry.replaces && cda.replaces === undefined) reasons.push('replacement')
  }
  return reasons
}

/** What sourcePatientInfo says contradicts no trait; a name is one of those that the document has, in whatever spelling. */
function saysSamePerson({ said }: MetadataFacts, { patient }: CdaFacts): boolean {
  const families = (patient.families ?? []).map(plainWords)
  const born = said.births.every(each => each.slice(0, 8) === patient.birthDate)
  const named = said.names.every(each => families.includes(plainWords(each.split('^', 1)[0] ?? '')))
  return born && named && said.sexes.every(each => !/^[MF]$/.test(each) || each === patient.sex)
}

function isOnly(values: string[], right: (value: string) => boolean): boolean {
  return values.length > 0 && values.every(right)
}

function isOfPatient(cx: string, cda: CdaFacts): boolean {
  const ins = parseCx(cx)
  return ins !== undefined && cda.patient.ins !== undefined && sameIns(ins, cda.patient.ins)
}

/** A mark is about the document that has the id, even where the entry's file is missing or another (decision 7). */
export function marksElsewhere(cda: CdaFacts | undefined, message: Recognition): string[] {
  if (!cda) return []
  return (message.described ?? [])
    .filter(entry => entry.uniqueIds.some(id => bareId(id) === bareId(documentId(cda))))
    .flatMap(entry => entry.confidentiality.filter(code => code !== 'N'))
}

function bareId(id: string): string {
  return id.toLowerCase().replace(/^urn:(oid|uuid):/, '')
}

/** Anything in the message that is about somebody else: one patient a message (ECO.2.1.1). */
export function isOfAnother(message: Recognition, others: (CdaFacts | undefined)[], copies: FoundDocument[], cda: CdaFacts): boolean {
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
