import type { CdaFacts, PatientFacts } from '../facts.ts'
import { toDtm } from '../hl7-time.ts'
import { hasValidKey, INS_OIDS } from '../ins.ts'
import type { Policy } from '../policy.ts'
import type { Reason } from '../reasons.ts'

/** The identity of the patient: INS with its key, of an authority that is allowed, and every trait (spec dmp §3). */
export function judgePatient(cda: CdaFacts, policy: Policy): Reason[] {
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
