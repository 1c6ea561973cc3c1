import type { Budget } from './budget.ts'
import type { Limits } from './caps.ts'
import { readCda } from './cda.ts'
import type { CdaFacts, FoundDocument, Ignored, Recognition } from './facts.ts'
import { found, withReading } from './found.ts'
import { base64In, type Hl7Message, named, readMessages } from './hl7v2.ts'
import { isInsOid, sameIns } from './ins.ts'
import { kindOf, looksLikeCda, plainKind } from './kinds.ts'
import type { Reason } from './reasons.ts'

/** Flags of MetaDMPMSS that restrict who sees a document, and what METADATA.XML calls them. */
const MARKS: ReadonlyMap<string, string> = new Map([
  ['MASQUE_PS', 'MASQUE_PS'],
  ['INVISIBLE_PATIENT', 'INVISIBLE_PATIENT'],
  ['INVISIBLE_REP_LEGAUX', 'INVISIBLE_REPRESENTANTS_LEGAUX'],
  ['CONNEXION_SECRETE', 'CONNEXION_SECRETE'],
  ['MODIF_CONF_CODE', 'MODIF_CONF_CODE'], // an order to change the confidentiality of what was filed before
])

/**
 * Reads the documents that HL7 v2 messages carry: a CDA in base64 in an OBX of type ED, and beside it the flags of MetaDMPMSS (ANS volet
 * "Transmission de document(s) CDA en HL7v2"). It is the channel between a hospital's software and its gateway, and says by DESTDMP whether to file.
 * @param path of the file in its message
 */
export function readHl7(path: string, content: Uint8Array, limits: Limits, budget: Budget): Recognition {
  const result: Recognition = { documents: [], ignored: [], faults: [] }
  const messages = readMessages(content)
  for (const [index, message] of messages.entries()) {
    const where = messages.length === 1 ? path : `${path}/${index + 1}`
    const read = message === undefined ? undefined : readCarried(where, message, limits, budget)
    if (read === undefined) {
      budget.takeDocument()
      result.documents.push(found(where, new Uint8Array(content), ['hl7-malformed']))
      continue
    }
    result.documents.push(...read.documents)
    result.ignored.push(...(read.documents.length + read.ignored.length > 0 ? read.ignored : [{ path: where, reason: 'hl7' as const }]))
  }
  return result
}

/** Real messages carry a handful. */
const MOST_FILES = 200

/** @returns undefined when there is more in the message than anybody would put there */
function readCarried(
  path: string,
  message: Hl7Message,
  limits: Limits,
  budget: Budget,
): Pick<Recognition, 'documents' | 'ignored'> | undefined {
  const documents: FoundDocument[] = []
  const ignored: Ignored[] = []
  const { separators } = message
  const { marks, faults } = orderOf(message)
  for (const [index, observation] of named(message, 'OBX').entries()) {
    for (const [rank, value] of (observation[5] ?? '').split(separators.repetition, MOST_FILES + 1).entries()) {
      const where = `${path}/OBX-${index + 1}${rank === 0 ? '' : `.${rank + 1}`}`
      const [, , subtype = '', , data = ''] = value.split(separators.component, 6)
      if (rank === MOST_FILES || ignored.length > MOST_FILES) return undefined
      const isEncapsulated = observation[2]?.trim().toUpperCase() === 'ED'
      const bytes = isEncapsulated ? base64In(data, separators) : undefined
      const isDocument = bytes !== undefined && looksLikeCda(bytes)
      // A placeholder, a text that lost its coding, a broken base64: the sender believes that a document is there.
      const isMissing = (isEncapsulated && isXml(subtype) && !isOtherKind(bytes)) || value.includes('ClinicalDocument')
      if (isDocument || isMissing) {
        budget.takeDocument()
        const status = firstOf(observation[11], separators.component)
        const document = { ...found(where, bytes ?? new Uint8Array(), [...new Set([...faults, ...statusFaults(status)])]), marks }
        if (isDocument) documents.push(judged(document, message, status, limits))
        else documents.push({ ...document, faults: ['hl7-no-document'] })
      } else if (isEncapsulated) ignored.push({ path: where, reason: bytes ? plainKind(`${where}.txt`, bytes) : 'text' })
    }
  }
  return { documents, ignored }
}

function isXml(subtype: string): boolean {
  return subtype.trim().toUpperCase() === 'XML'
}

function isOtherKind(bytes: Uint8Array | undefined): boolean {
  return bytes !== undefined && ['pdf', 'rtf', 'image'].includes(kindOf(bytes))
}

function judged(document: FoundDocument, message: Hl7Message, status: string, limits: Limits): FoundDocument {
  const reading = readCda(document.content, limits)
  const { faults, ...rest } = withReading(document, reading)
  const own: Reason[] = reading.kind === 'not-a-cda' ? ['not-a-cda'] : []
  if (reading.kind === 'cda') {
    if ((message.event === 'T10' || status === 'C') && reading.cda.replaces === undefined) own.push('replacement')
    if (!isSamePatient(message, reading.cda)) own.push('hl7-patient')
  }
  return { ...rest, faults: [...faults, ...own] }
}

/** What the message as a whole asks: it is about every document in it. */
function orderOf(message: Hl7Message): { marks: string[]; faults: Reason[] } {
  const { component } = message.separators
  const flags = named(message, 'OBX').map(each => ({ code: firstOf(each[3], component), value: firstOf(each[5], component) }))
  // Whatever is not a clear no restricts (decision 7).
  const marks = flags.flatMap(({ code, value }) => (value === 'N' ? [] : (MARKS.get(code) ?? [])))
  const orders = new Set(flags.filter(each => each.code === 'DESTDMP').map(each => each.value))
  const faults: Reason[] = []
  if (orders.size === 1 && orders.has('N')) faults.push('not-for-dmp')
  else if (orders.size !== 1 || !orders.has('Y')) faults.push('hl7-unclear')
  const { type, event } = message
  const isCancelled = named(message, 'ORC').some(each => ['CA', 'OC', 'DC'].includes(each[1]?.trim() ?? ''))
  if ((type === 'MDM' && ['T04', 'T11'].includes(event)) || isCancelled) faults.push('hl7-deletion')
  else if (!['MDM T02', 'MDM T10', 'ORU R01'].includes(`${type} ${event}`)) faults.push('hl7-unclear')
  return { marks: [...new Set(marks)], faults }
}

/** OBX-11: a document is final (F), a correction (C) or to be deleted (D); a preliminary one is not filed. */
function statusFaults(status: string): Reason[] {
  if (status === 'D') return ['hl7-deletion']
  return status === 'F' || status === 'C' ? [] : ['hl7-unclear']
}

/** One PID, with one national identity, checked (PID-32 VALI), and it is the document's; where both say a birth date or a sex, they are the same. */
function isSamePatient(message: Hl7Message, { patient }: CdaFacts): boolean {
  const { component, repetition, sub } = message.separators
  const [pid, ...others] = named(message, 'PID')
  if (!pid || others.length > 0) return false
  const all = (pid[3] ?? '').split(repetition, MOST_FILES).map(each => each.split(component, 6))
  const national = all
    .map(parts => ({ matricule: parts[0]?.trim() ?? '', oid: parts[3]?.split(sub)[1] ?? '' }))
    .filter(each => isInsOid(each.oid))
  const isChecked = (pid[32] ?? '').split(repetition, MOST_FILES).some(each => firstOf(each, component) === 'VALI')
  const { ins } = patient
  if (!isChecked || !ins || national.length === 0 || !national.every(each => sameIns(each, ins))) return false
  const born = /^\d{8}/.exec(pid[7]?.trim() ?? '')?.[0]
  const sex = /^[MF]$/.exec(pid[8]?.trim() ?? '')?.[0]
  return (born === undefined || born === patient.birthDate) && (sex === undefined || sex === patient.sex)
}

function firstOf(field: string | undefined, component: string): string {
  return (field ?? '').split(component, 1)[0]?.trim().toUpperCase() ?? ''
}
