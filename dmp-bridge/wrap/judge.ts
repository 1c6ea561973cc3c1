import type { Verdict } from '../decide.ts'
import type { Candidate, FoundDocument, Recognition } from '../facts.ts'
import type { Policy, Sender } from '../policy.ts'
import type { Reason } from '../reasons.ts'

/** Reasons that need a human's words, and nothing else: with these alone a candidate can be described. */
export const DESCRIBABLE: readonly string[] = ['needs-identity', 'author-request', 'no-dmp-configured']

/**
 * @returns whether files of this sender may be wrapped at all: his own box, for which he declared (decisions 6 and 7). A delegate writes as the box
 * that he was given, so the author is its holder
 */
export function mayWrap(sender: Sender): boolean {
  return sender.mode === undefined && sender.declared && sender.person !== undefined && sender.idNatPs !== undefined
}

/** The verdict on a file that is no CDA: never `file`, since none has a qualified identity of its own (spec dmp §3). */
export function judgeCandidate(document: FoundDocument, message: Recognition, sender: Sender, policy: Policy): Verdict {
  if (!mayWrap(sender)) return { action: 'ignore', reasons: ['not-ours-to-wrap'] }
  if (document.candidate && !isBySender(document.candidate, sender, policy)) return { action: 'ignore', reasons: ['hprim-of-another'] }
  const reasons: Reason[] = [...document.faults, ...message.faults]
  if (document.content.length * BASE64 > policy.maxDocumentBytes) reasons.push('too-big')
  if (document.marks.length > 0) reasons.push('marked')
  if (!sender.person?.family || !sender.person.specialty) reasons.push('sender-unlisted')
  if (wrappingStructure(sender, policy) === undefined) reasons.push('sender-structure')
  return { action: 'hold', reasons: [...new Set<Reason>([...reasons, 'needs-identity'])] }
}

const BASE64 = 4 / 3

/** @returns the structure as which a sender's own document is deposited: one of his that our certificate speaks for (EX_2.1-1140) */
export function wrappingStructure(sender: Sender, policy: Policy): { id: string; name: string } | undefined {
  const id = [policy.structure, ...(policy.sites ?? [])].find(each => sender.structures.includes(each))
  if (id === undefined) return undefined
  const own = sender.person?.structure
  return { id, name: own?.id === id && own.name !== '' ? own.name : policy.structureName }
}

/** HPRIM names who made it: the sender, or one of his structures; another laboratory's is not his to file (spec dmp §5). */
function isBySender({ kind, from = '' }: Candidate, sender: Sender, policy: Policy): boolean {
  if (kind !== 'hprim') return true
  const said = words(from)
  const structures = [sender.person?.structure?.name, wrappingStructure(sender, policy)?.name].filter(each => each !== undefined)
  const family = words(sender.person?.family ?? '')
  return [family, ...structures.map(words)].some(each => each.trim().length > 2 && said.includes(each))
}

/** @returns upper case without accents, one blank around each word */
export function words(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase()
  return ` ${plain.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()} `
}
