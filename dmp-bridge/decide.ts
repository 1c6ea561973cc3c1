import { tablesIn } from './ans/ans-tables.ts'
import type { CdaFacts, FoundDocument, Recognition } from './facts.ts'
import { judgeAuthors, oursOf, structureOf } from './judging/authors.ts'
import { judgeCodes } from './judging/codes.ts'
import { judgeDates } from './judging/dates.ts'
import { judgeIdentifier } from './judging/identifier.ts'
import { isOfAnother, judgeMetadata, marksElsewhere } from './judging/message.ts'
import { judgePatient } from './judging/patient.ts'
import { judgeRules } from './judging/rules.ts'
import type { Policy, Sender } from './policy.ts'
import type { Reason } from './reasons.ts'
import { shippedRules } from './rules.ts'
import type { Tables } from './tables.ts'
import { twinshipOf } from './twins.ts'
import { judgeCandidate } from './wrap/judge.ts'

export type { Policy, Sender } from './policy.ts'

export type Verdict = { action: 'file' } | { action: 'hold' | 'ignore'; reasons: Reason[] }

export interface DecideOptions {
  tables?: Tables
  now?: Date
}

/**
 * Decides what happens to one document of a message. Pure: the same bytes and facts give the same verdict.
 * @param sender who files: the box that sent it or, in reception mode, the one that received it
 * @param options.tables the code tables; the ones that come with the program by default
 * @param options.now with it a document dated in the future is held: the DMP would refuse it
 * @returns `file`, or all the reasons against it. What is unknown is a reason (decision 7: hold beats wrong)
 */
export function decide(
  document: FoundDocument,
  message: Recognition,
  sender: Sender,
  policy: Policy,
  options: DecideOptions = {},
): Verdict {
  // The same bytes may come twice (two archives of one document were met): the first copy stands for all, with what is said of each.
  const copies = document.content.length === 0 ? [document] : message.documents.filter(each => each.sha256 === document.sha256)
  if (copies[0] && copies[0].path !== document.path) return { action: 'ignore', reasons: ['duplicate'] }
  if (document.candidate) return judgeCandidate(document, message, sender, policy)
  const twinship = twinshipOf(document, message.documents)
  const twins = 'twin' in twinship ? message.documents.filter(each => each.sha256 === twinship.twin.sha256) : []
  // A mark is about the document in whichever form: what is marked is never a mere copy.
  const marks = [...copies, ...twins].flatMap(each => [...each.marks, ...marksElsewhere(each.cda, message)])
  const isMarked = marks.length > 0
  if (twinship.kind === 'left' && !isMarked) return { action: 'ignore', reasons: ['twin'] }
  if (!isMarked && copies.some(each => each.faults.includes('not-for-dmp'))) return { action: 'ignore', reasons: ['not-for-dmp'] }
  // Nobody here may file another structure's document, and masked ones do not travel by mail: an anomaly that a human has to see (spec dmp §8.2, §8.7).
  const isAnomaly = sender.mode === 'reception' && marks.includes('MASQUE_PS')
  if (sender.mode === 'reception' && !isAnomaly && (!document.cda || oursOf(document.cda, policy).length === 0)) {
    const unread: Reason[] = document.faults.length > 0 ? document.faults : ['reading-failed']
    return { action: 'ignore', reasons: document.cda ? ['another-authors'] : unread }
  }
  const reasons: Reason[] = [...copies.flatMap(each => each.faults), ...message.faults]
  if (twinship.kind === 'unclear') reasons.push('twins-differ')
  if (twinship.kind === 'left') reasons.push('twin')
  if (document.content.length > policy.maxDocumentBytes) reasons.push('too-big')
  if (isMarked) reasons.push('marked')
  if (isAnomaly) reasons.push('masked-received')
  if (!sender.declared) reasons.push('not-declared')
  if (document.cda) reasons.push(...judgeCda(document.cda, { document, copies, marks, message, sender, policy, options }))
  else if (document.faults.length === 0) reasons.push('reading-failed')
  return reasons.length === 0 ? { action: 'file' } : { action: 'hold', reasons: [...new Set(reasons)] }
}

/** A document among those of its message. */
interface Case {
  document: FoundDocument
  copies: FoundDocument[]
  marks: string[]
  message: Recognition
  sender: Sender
  policy: Policy
  options: DecideOptions
}

function judgeCda(cda: CdaFacts, { document, copies, marks, message, sender, policy, options }: Case): Reason[] {
  const { tables = tablesIn(policy.ansFiles), now } = options
  const others = message.documents.filter(each => !copies.includes(each)).map(each => each.cda)
  const structure = structureOf(cda, sender, policy)
  const judged = { cda, size: document.content.length, marks, sender, structure, now }
  return [
    ...judgeDates(cda, now),
    ...judgeIdentifier(cda, others),
    ...judgePatient(cda, policy),
    ...copies.flatMap(copy => judgeMetadata(copy, cda)),
    ...(isOfAnother(message, others, copies, cda) ? (['two-patients'] as const) : []),
    ...judgeCodes(cda, tables),
    ...judgeAuthors(cda, sender, policy, tables),
    ...judgeRules(judged, policy.rules ?? shippedRules()),
  ]
}
