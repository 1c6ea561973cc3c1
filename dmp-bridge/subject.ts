import type { PatientFacts } from './facts.ts'
import type { Reason } from './reasons.ts'

/**
 * Compares a subject with a document of its message. The practice's software writes in it the patient whom its user saw (ECO.2.1.3):
 * `XDM/1.0/DDM+<label> <NOM> <prénom> <dd/mm/yyyy>`, the date being optional, and `[Annule et remplace]` for a replacement.
 * @param subject decoded. It holds an identity: never for a log
 * @returns nothing for a subject of another form
 */
export function judgeSubject(subject: string, patient: PatientFacts): Reason[] {
  const described = /XDM\s*\/\s*1\.0\s*\/\s*DDM\s*\+?(.*)/is.exec(subject)?.[1]
  if (described === undefined) return []
  const reasons: Reason[] = []
  if (plainWords(subject).includes(' ANNULE ET REMPLACE ')) reasons.push('replacement')
  const names = plainWords(described)
  const isNamed = (parts: string[] = []) => parts.some(each => plainWords(each).trim() !== '' && names.includes(plainWords(each)))
  const [, day = '', month = '', year] = /(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\s*$/.exec(described) ?? []
  const isOther = year !== undefined && patient.birthDate !== `${year}${month.padStart(2, '0')}${day.padStart(2, '0')}`
  if (isOther || !isNamed(patient.families) || !isNamed(patient.givens)) reasons.push('subject-patient')
  return reasons
}

/** Upper case without accents, one blank around each word: what is left of a name in any software's spelling. */
export function plainWords(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase().replaceAll('Œ', 'OE').replaceAll('Æ', 'AE')
  return ` ${plain.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()} `
}
