import { ADVICE, GENERAL_ADVICE } from './console/advice.ts'
import { FILING_REASONS } from './filing-reasons.ts'
import { REASONS } from './reasons.ts'
import { shippedTables, type Tables } from './tables.ts'

/** @returns a reason as a doctor reads it; of one that this version does not know, its code */
export function frenchReason(code: string): string {
  const texts: Record<string, { fr: string } | undefined> = { ...REASONS, ...FILING_REASONS }
  return (Object.hasOwn(texts, code) ? texts[code]?.fr : undefined) ?? `Motif : ${code}.`
}

/** What the DMP's commonest answers mean to who sent the document. The others have their reason and their code. */
const ANSWERS: Record<string, string> = {
  'dmp-closed': 'Le DMP de ce patient est fermé.',
  DMPClosed: 'Le DMP de ce patient est fermé.',
  'dmp-absent': 'Ce patient n’a pas de DMP.',
  DMPNotFound: 'Ce patient n’a pas de DMP.',
  XDSUnknownPatientId: 'Le DMP ne connaît pas l’INS du patient.',
  XDSPatientIdDoesNotMatch: 'Le document et le dépôt ne désignent pas le même patient.',
  XDSRegistryDeprecatedDocumentError: 'Le document à remplacer est déjà remplacé, ou supprimé.',
  XDSReplaceFailed: 'Le document à remplacer n’a pas pu être remplacé.',
  XDSNonIdenticalHash: 'Le DMP a reçu d’autres octets que ceux qui étaient annoncés.',
  XDSNonIdenticalSize: 'Le DMP a reçu d’autres octets que ceux qui étaient annoncés.',
}

/** @param code the DMP's, or ours for it @returns what it means, when the table of words has it */
export function frenchAnswer(code: string): string | undefined {
  return Object.hasOwn(ANSWERS, code) ? ANSWERS[code] : undefined
}

/** Where the codes of types come from: LOINC, and the ANS's own. */
const TYPE_SYSTEMS = ['2.16.840.1.113883.6.1', '1.2.250.1.213.1.1.4.12']

/** @returns the class of a type of document, e.g. `Compte rendu`: it says what kind of paper it is, and nothing of the patient */
export function frenchClass(type: string, tables: Tables = shippedTables()): string | undefined {
  const classes = TYPE_SYSTEMS.map(system => tables.classOf({ code: type, system, label: '' })?.label)
  return classes.find(label => label !== undefined)
}

/** @returns what can be done about a document that was held or refused, as the pages say it */
export function frenchAdvice(reasons: readonly string[]): string[] {
  const advice: Record<string, string | undefined> = ADVICE
  return [...new Set(reasons.map(reason => (Object.hasOwn(advice, reason) ? advice[reason] : undefined) ?? GENERAL_ADVICE))]
}
