import type { CdaFacts } from '../facts.ts'
import type { Reason } from '../reasons.ts'

/**
 * What the document is called, and what it replaces.
 * @param others the other documents of its message
 */
export function judgeIdentifier(cda: CdaFacts, others: (CdaFacts | undefined)[]): Reason[] {
  const reasons: Reason[] = []
  if (cda.uniqueId === '') reasons.push('no-id')
  else if (!isOid(cda.uniqueId)) reasons.push('id-not-oid') // EX_2.1-1130
  if (cda.idExtension !== undefined) reasons.push('id-extension') // spec dmp §1.9
  if (others.some(other => other?.uniqueId === cda.uniqueId && other.idExtension === cda.idExtension)) reasons.push('id-conflict')
  if (!isPlainReplacement(cda, others)) reasons.push('replacement')
  if (hasRival(cda, others)) reasons.push('same-version') // structuration minimale: same set and version, reject
  if (cda.replaces !== undefined && (cda.version ?? Number.POSITIVE_INFINITY) <= (cda.replacedVersion ?? 1)) reasons.push('version-order')
  const matricule = cda.patient.ins?.matricule.slice(0, 13)
  if (matricule && documentId(cda).includes(matricule)) reasons.push('id-tells-patient') // ids go where no identity may: logs, rows, URLs
  return reasons
}

/** A parent that is found by its id alone, another document, and not one of this message: which of the two would go first? */
function isPlainReplacement({ uniqueId, replaces, related }: CdaFacts, others: (CdaFacts | undefined)[]): boolean {
  if (related) return false
  return replaces === undefined || (isOid(replaces) && replaces !== uniqueId && !others.some(other => other?.uniqueId === replaces))
}

/** Two of one set and version in one message; the two forms of a report share them, and are judged elsewhere (twins). */
function hasRival({ uniqueId, setId, version, body }: CdaFacts, others: (CdaFacts | undefined)[]): boolean {
  const rivals = others.filter(other => other?.body === body && other.uniqueId !== uniqueId)
  return setId !== undefined && rivals.some(other => other?.setId === setId && other.version === version)
}

/** @returns whether it is an OID alone; ITI TF-3 §4.2.3.1.7: at most 64 characters */
export function isOid(text: string): boolean {
  return text.length <= 64 && /^[0-2](\.(0|[1-9]\d*))+$/.test(text)
}

/** @returns the id as METADATA.XML writes it */
export function documentId(cda: CdaFacts): string {
  return cda.idExtension === undefined ? cda.uniqueId : `${cda.uniqueId}^${cda.idExtension}`
}
