import type { Trust } from './anchors.ts'
import { authorityOf, type ParsedCertificate } from './certificate.ts'
import { commonName } from './names.ts'
import type { RevocationList } from './revocation.ts'
import { printable } from './verdict.ts'

/** Whether a certificate is revoked. `until` (milliseconds): from then on the same sources say nothing. */
export type Status = { kind: 'good'; until: number } | { kind: 'revoked'; on: Date | undefined } | { kind: 'unknown'; detail: string }

const DAY = 86_400_000
const LONGEST_WINDOW = 7 * DAY
const LAST_PART = 1 / 4

/**
 * What the authority's lists, and answers of its responder that are here already, say of a certificate. Revoked by any of them beats good by the
 * others, and stays so when that source has ended; a responder that does not know a certificate says no.
 */
export function statusOf(certificate: ParsedCertificate, issuer: ParsedCertificate, trust: Trust, at: Date): Status {
  const now = at.getTime()
  const answer = trust.answers.find(certificate, issuer)
  if (answer?.status === 'revoked') return { kind: 'revoked', on: answer.on }
  const revokedOn = revokedByLists(certificate.facts.serial, issuer, trust, at)
  if (revokedOn) return { kind: 'revoked', on: revokedOn }
  const isAnswered = answer !== undefined && answer.from <= now && now <= answer.until
  if (isAnswered && answer.status === 'unknown') return { kind: 'unknown', detail: `the responder of ${nameOf(issuer)} does not know it` }
  if (isAnswered) return { kind: 'good', until: answer.until }
  const fault = listFault(issuer, trust, at)
  if (!fault) return { kind: 'good', until: endOfLists(issuer, trust, now) }
  const failure = trust.answers.failure(certificate, issuer)
  return { kind: 'unknown', detail: failure ? `${fault}, and its responder gives no answer: ${failure.words}` : fault }
}

/** Whether the lists of an authority are there, in their dates, and not in their last part: then its responder need not be asked. */
export function hasFreshLists(issuer: ParsedCertificate, trust: Trust, at: Date): boolean {
  const list = trust.lists.get(authorityOf(issuer))
  return list !== undefined && !listFault(issuer, trust, at) && at < endsSoonAt(list)
}

/** Whether they are there and in their dates: then its responder may be asked, and need not answer. */
export function hasLists(issuer: ParsedCertificate, trust: Trust, at: Date): boolean {
  return !listFault(issuer, trust, at)
}

/** The soft window: the last quarter of a list's time, a week at most. A list that is still here then is late. */
export function endsSoonAt({ thisUpdate, nextUpdate }: Pick<RevocationList, 'thisUpdate' | 'nextUpdate'>): Date {
  const window = Math.min((nextUpdate.getTime() - thisUpdate.getTime()) * LAST_PART, LONGEST_WINDOW)
  return new Date(nextUpdate.getTime() - window)
}

/**
 * Whether OpenSSL can judge with the complete lists alone. It knows of no responders: where one stands in for a list, its lists are left out
 * and our own judgement, which no connection escapes, says who is revoked.
 */
export function listsSuffice(trust: Trust, at: Date): boolean {
  return trust.authorities.every(authority => !trust.responders.has(authorityOf(authority)) || !listFault(authority, trust, at))
}

function revokedByLists(serial: string, issuer: ParsedCertificate, trust: Trust, at: Date): Date | undefined {
  const list = trust.lists.get(authorityOf(issuer))
  const delta = trust.deltas.get(authorityOf(issuer))
  const revokedSince = delta?.revoked.get(serial)
  if (revokedSince) return revokedSince
  // What an outdated delta takes back may have been revoked again.
  if (delta?.released.has(serial) && delta.thisUpdate <= at && at <= delta.nextUpdate) return undefined
  return list?.revoked.get(serial)
}

function listFault(issuer: ParsedCertificate, trust: Trust, at: Date): string | undefined {
  const list = trust.lists.get(authorityOf(issuer))
  const name = nameOf(issuer)
  if (!list) return `no revocation list of ${name} is known here`
  if (at > list.nextUpdate) return `the revocation list of ${name} known here ended on ${list.nextUpdate.toISOString()}`
  if (at < list.thisUpdate) return `the revocation list of ${name} known here is not valid yet`
  return undefined
}

function endOfLists(issuer: ParsedCertificate, trust: Trust, now: number): number {
  const authority = authorityOf(issuer)
  const ends = [trust.lists.get(authority), trust.deltas.get(authority)].map(list => list?.nextUpdate.getTime() ?? 0)
  return Math.min(...ends.filter(end => end >= now))
}

function nameOf({ facts }: ParsedCertificate): string {
  return `"${printable(commonName(facts.subject))}"`
}
