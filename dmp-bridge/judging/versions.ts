import type { CdaFacts } from '../facts.ts'
import type { FilingRow } from '../filing-tables.ts'
import type { DocumentSet } from '../filings/index.ts'
import type { Reason } from '../reasons.ts'
import { isOid } from './identifier.ts'

/** @returns the set of a document when its id is a bare OID: an extension may be a patient's number, and rows know of none */
export function setOf(cda: CdaFacts | undefined): DocumentSet | undefined {
  if (cda?.setId === undefined || !isOid(cda.setId)) return undefined
  return { id: cda.setId, ...(cda.version === undefined ? {} : { version: cda.version }) }
}

type Known = Pick<FilingRow, 'unique_id' | 'set_id' | 'version' | 'state'>

/**
 * Compares a document with the other versions of its set that are known here: the same version is not sent twice (EX_GEN-1060), a lower one
 * never goes over a higher one, and a higher one says what it replaces (spec dmp §1.11).
 * @param known filings of the set
 * @param states in which another version counts: only what is in the DMP at the moment of sending, what waits too when a message is read
 */
export function judgeVersions(cda: CdaFacts, known: readonly Known[], states: readonly Known['state'][]): Reason[] {
  const set = setOf(cda)
  if (!set) return []
  const others = known.filter(each => each.set_id === set.id && each.unique_id !== cda.uniqueId && states.includes(each.state))
  const filed = others.filter(each => each.state === 'filed')
  const isUnclear = (version: number | null) => version === null || set.version === undefined
  const reasons: Reason[] = []
  if (others.some(({ version }) => isUnclear(version) || version === set.version)) reasons.push('same-version')
  if (filed.some(({ version }) => !isUnclear(version) && Number(version) > Number(set.version))) reasons.push('older-version')
  const isLater = filed.some(({ version }) => !isUnclear(version) && Number(version) < Number(set.version))
  if (isLater && cda.replaces === undefined) reasons.push('replacement')
  return reasons
}
