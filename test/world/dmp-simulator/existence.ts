import { xml } from '../letter-people.ts'
import { find, type KnownPatient, type Patients, statusOf } from './patients.ts'
import { SoapFault } from './refusals.ts'
import { readIns } from './values.ts'
import type { Vihf } from './vihf.ts'
import { at, attribute, below, type XmlElement } from './xml-tree.ts'

const V3 = 'urn:hl7-org:v3'
const INTERACTIONS = '2.16.840.1.113883.1.6'
/** The device OID of the DMP (spec dmp §1.1). */
const DMP = '1.2.250.1.213.4.1.1.1'

/**
 * Answers TD0.2, the test of existence: PRPA_IN201307UV02 in, PRPA_IN201308UV02 out (spec dmp §1.1, §1.7).
 * The public record gives the words (ACTIF, FERME, queryResponseCode OK or NF), not where they stand: here the state is an
 * administrativeObservation of code STATUT, in the place where HL7 v3 puts observations about a patient.
 * @param closed says FERME for every DMP that exists (fault menu)
 * @throws SoapFault Sender when the query is not the one of TD0.2
 */
export function answerExistence(
  payload: XmlElement,
  vihf: Vihf,
  patients: Patients,
  newId: () => string,
  now: Date,
  closed = false,
): string {
  const patientId = queried(payload)
  require(vihf.patientId === patientId, 'the resource-id of the VIHF is not the patient of the query')
  const ins = readIns(patientId)
  const status = statusOf(patientId, patients)
  const known = ins && status && status !== 'INEXISTANT' ? registration(ins, closed ? 'FERME' : status, find(ins, patients)) : ''
  const code = known ? 'OK' : 'NF'
  const query = attribute(below(payload, V3, 'queryId')[0], 'extension') ?? ''
  const root = attribute(below(payload, V3, 'queryId')[0], 'root') ?? ''
  const stamp = now.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return `<PRPA_IN201308UV02 xmlns="${V3}" ITSVersion="XML_1.0"><id root="${DMP}" extension="${newId()}"/>\
<creationTime value="${stamp}"/><interactionId root="${INTERACTIONS}" extension="PRPA_IN201308UV02"/><processingCode code="T"/>\
<processingModeCode code="T"/><acceptAckCode code="NE"/>\
<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id nullFlavor="NA"/></device></receiver>\
<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE"><id root="${DMP}"/></device></sender>\
<acknowledgement><typeCode code="AA"/><targetMessage>${target(payload)}</targetMessage></acknowledgement>\
<controlActProcess classCode="CACT" moodCode="EVN"><code code="PRPA_TE201308UV02" codeSystem="${INTERACTIONS}"/>${known}\
<queryAck><queryId root="${xml(root)}" extension="${xml(query)}"/><queryResponseCode code="${code}"/></queryAck>\
</controlActProcess></PRPA_IN201308UV02>`
}

/** @returns the patient asked for as CX */
function queried(payload: XmlElement): string {
  require(payload.uri === V3 && payload.local === 'PRPA_IN201307UV02', 'PRPA_IN201307UV02 is expected')
  const interaction = at(payload, V3, 'interactionId')
  require(attribute(interaction, 'root') === INTERACTIONS && attribute(interaction, 'extension') === 'PRPA_IN201307UV02', 'interactionId')
  require(attribute(at(payload, V3, 'receiver', 'device', 'id'), 'root') === DMP, 'the receiver is not the DMP')
  const process = at(payload, V3, 'controlActProcess')
  const reason = at(process, V3, 'reasonCode')
  const right = attribute(reason, 'code') === 'TEST_EXST' && attribute(reason, 'codeSystem') === '1.2.250.1.213.1.1.4.11'
  require(right, 'reasonCode is not TEST_EXST')
  const value = at(process, V3, 'queryByParameter', 'parameterList', 'patientIdentifier', 'value')
  require(value !== undefined, 'there is not one patientIdentifier')
  return `${attribute(value, 'extension') ?? ''}^^^&${attribute(value, 'root') ?? ''}&ISO^NH`
}

function registration(ins: { matricule: string; oid: string }, status: string, patient: KnownPatient | undefined): string {
  const person = patient
    ? `<name><family qualifier="BR">${xml(patient.birthName)}</family><given>${xml(patient.firstName)}</given></name>\
<administrativeGenderCode code="${patient.sex}" codeSystem="2.16.840.1.113883.5.1"/>\
<birthTime value="${patient.birthDate.replaceAll('-', '')}"/>`
    : '<name nullFlavor="NASK"/>'
  const observe = (code: string, value: string) =>
    `<subjectOf><administrativeObservation classCode="OBS" moodCode="EVN"><code code="${code}" codeSystem="1.2.250.1.213.1.1.4.11"/>\
<value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="${value}"/></administrativeObservation></subjectOf>`
  return `<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><statusCode code="active"/>\
<subject1 typeCode="SBJ"><patient classCode="PAT"><id root="${ins.oid}" extension="${ins.matricule}"/>\
<statusCode code="${status === 'ACTIF' ? 'active' : 'terminated'}"/>\
<patientPerson classCode="PSN" determinerCode="INSTANCE">${person}</patientPerson>\
${observe('STATUT', status)}${observe('AUTORISATION', 'NON_EXISTE')}</patient></subject1></registrationEvent></subject>`
}

function target(payload: XmlElement): string {
  const id = at(payload, V3, 'id')
  return `<id root="${xml(attribute(id, 'root') ?? '')}" extension="${xml(attribute(id, 'extension') ?? '')}"/>`
}

function require(holds: boolean, rule: string): void {
  if (!holds) throw new SoapFault('Sender', `TD0.2: ${rule}`)
}
