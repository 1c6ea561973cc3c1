import { sameIns } from './ins.ts'
import { setOf } from './judging/versions.ts'
import type { Depositor } from './metadata.ts'
import type { Ready } from './next.ts'

/** `dmp.documentsPerSubmission` when it is not configured. */
export const DOCUMENTS_PER_SUBMISSION = 10

/**
 * Which documents go in one submission: of one patient (spec dmp §1.5), under one depositor, within the limits. What replaces another document
 * goes alone, after its parent: that is another transaction (TD2.1b); a second version of one document waits for the first. The first goes always, since its bytes were judged by themselves.
 * @param depositorOf as whom a document is deposited
 * @param limits of the set: how many, and octets in all
 */
export function splitSet(
  ready: readonly Ready[],
  depositorOf: (ready: Ready) => Pick<Depositor, 'structure' | 'idNatPs'>,
  limits: { documents: number; bytes: number },
): { set: Ready[]; later: Ready[] } {
  const [first, ...others] = ready
  if (!first) return { set: [], later: [] }
  const set = [first]
  const later: Ready[] = []
  const depositor = depositorOf(first)
  let bytes = first.document.content.length
  for (const each of others) {
    const size = each.document.content.length
    const { structure, idNatPs } = depositorOf(each)
    const isOne =
      sameIns(each.ins, first.ins) && each.sender === first.sender && structure === depositor.structure && idNatPs === depositor.idNatPs
    const isVersion = set.some(({ cda }) => setOf(cda) !== undefined && setOf(cda)?.id === setOf(each.cda)?.id)
    const fits = set.length < limits.documents && bytes + size <= limits.bytes
    if (isOne && fits && !isVersion && [first, each].every(({ cda }) => cda.replaces === undefined)) {
      set.push(each)
      bytes += size
    } else later.push(each)
  }
  return { set, later }
}
