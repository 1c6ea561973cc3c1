import type { CdaFacts } from '../facts.ts'
import type { Reason } from '../reasons.ts'
import type { Tables } from '../tables.ts'

/** What the code tables know of the document: what they don't is held, since they move (spec dmp §2). */
export function judgeCodes(cda: CdaFacts, tables: Tables): Reason[] {
  const reasons: Reason[] = []
  const found = tables.classOf(cda.typeCode)
  if (!tables.hasType(cda.typeCode)) reasons.push('unknown-type')
  else if (!found) reasons.push('unknown-class')
  else if (!found.professional || cda.typeCode.code.startsWith('DOCPAT')) reasons.push('type-not-for-professionals') // spec dmp §2.5
  if (!tables.formatOf(cda) || !tables.hasRequiredModel(cda)) reasons.push('unknown-format')
  if (cda.labStatus !== undefined && cda.labStatus !== 'completed') reasons.push('partial-biology') // REC_GEN-1070
  if (!tables.facility(cda.facility)) reasons.push('unknown-facility')
  if (!tables.practice(cda.practice)) reasons.push('unknown-practice')
  if (cda.confidentiality !== 'N' || cda.confidentialitySystem !== tables.confidentiality('N')?.system) reasons.push('not-normal')
  if (cda.language !== 'fr-FR') reasons.push('not-french')
  return reasons
}
