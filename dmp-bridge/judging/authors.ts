import type { CdaFacts, PartyFacts } from '../facts.ts'
import type { Policy, Sender } from '../policy.ts'
import type { Reason } from '../reasons.ts'
import type { Tables } from '../tables.ts'

/** The author feeds the DMP (decision 6): the sender must be he, or of one of his structures, and we must be allowed to speak for one of them. */
export function judgeAuthors(cda: CdaFacts, sender: Sender, policy: Policy, tables: Tables): Reason[] {
  const reasons: Reason[] = []
  if (cda.authors.length === 0 || !cda.authors.every(isIdentified)) reasons.push('author-missing')
  if (sender.mode === 'reception') reasons.push(...judgeReceived(cda, sender, policy))
  else {
    if (!cda.authors.some(each => isMine(each, sender))) reasons.push('author-not-sender')
    if (structureOf(cda, sender, policy) === undefined) reasons.push('author-structure')
  }
  if (cda.authors.some(each => each.specialty && !tables.hasSpecialty(each.specialty))) reasons.push('unknown-specialty')
  if (!isIdentified(cda.legalAuthenticator)) reasons.push('authenticator-missing')
  return reasons
}

/** By the register of professionals, or a device by any identifier: the only forms of an author that the DMP knows (spec dmp §2.1). */
function isIdentified(party: PartyFacts | undefined): boolean {
  return (party?.idNatPs !== undefined || (party?.device === true && party.id !== undefined)) && party.family !== ''
}

/** Whether an author is the sender, or of one of his structures. */
function isMine(author: PartyFacts, sender: Sender): boolean {
  return (sender.idNatPs !== undefined && author.idNatPs === sender.idNatPs) || author.structures.some(id => sender.structures.includes(id))
}

/**
 * The structure as which a document is deposited: one that our certificate speaks for and in which an author who is the sender, or his
 * colleague, worked; that of another author would name as depositor who did not send. The DMP refuses any other ("Aucun
 * AuthorInstitution ne correspond à l'utilisateur du VIHF", EX_2.1-1140).
 */
export function structureOf(cda: CdaFacts, sender: Sender, policy: Policy): string | undefined {
  if (sender.mode === 'reception') return oursOf(cda, policy).find(each => sender.structures.includes(each)) ?? oursOf(cda, policy)[0]
  const mine = cda.authors.filter(each => isMine(each, sender))
  const structures = (mine.length > 0 ? mine : cda.authors).flatMap(each => each.structures) // without the sender it is held for that
  return [policy.structure, ...(policy.sites ?? [])].find(each => structures.includes(each))
}

/** At reception the author's structure is one of ours and the box's: then its own document came home by another way (spec dmp §8.2). */
function judgeReceived(cda: CdaFacts, sender: Sender, policy: Policy): Reason[] {
  const ours = oursOf(cda, policy)
  if (ours.length === 0) return ['another-authors']
  return ours.some(each => sender.structures.includes(each)) ? [] : ['reception-proposal']
}

/** @returns the structures that our certificate speaks for, among those of the authors */
export function oursOf(cda: CdaFacts, policy: Policy): string[] {
  const structures = cda.authors.flatMap(each => each.structures)
  return [policy.structure, ...(policy.sites ?? [])].filter(each => structures.includes(each))
}
