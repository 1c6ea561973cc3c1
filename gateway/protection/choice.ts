import type { PeerVerdict } from '../../crypto/index.ts'

export type EncryptionPolicy = 'never' | 'whenPossible' | 'required'

/** Whose certificate: of one box, end to end; or of a whole domain, whose gateway opens what comes. */
export type Holder = 'box' | 'domain'

/** A certificate of a recipient, as the directory keeps it. */
export interface Candidate {
  pem: string
  fingerprint: string
}

export type Judge = (certificate: Candidate) => Promise<PeerVerdict>

/** What is asked for one recipient. The certificates come in the order in which they are tried. */
export interface Question {
  policy: EncryptionPolicy
  box: readonly Candidate[]
  domain: readonly Candidate[]
  /** A report of a server or of a reader (null reverse-path): the other gateway has to read it. */
  isReport: boolean
  /** Its author has encrypted the whole mail. */
  isEncrypted: boolean
}

/**
 *   encrypt  signed and encrypted to this certificate
 *   as-is    its author has encrypted it
 *   plain    over mutual TLS alone
 *   wait     a certificate is known, and whether it was revoked is not: later
 *   refuse   it must be encrypted, and can't be
 */
export type Choice = Sendable | Unsendable
export type Sendable = Encrypt | { kind: 'as-is' } | { kind: 'plain'; because: string }
export type Encrypt = { kind: 'encrypt'; to: Holder; certificate: Candidate }
export type Unsendable = { kind: 'wait'; because: string } | { kind: 'refuse'; because: string }

/**
 * How a message goes to one recipient (DESIGN decision 4). Where no certificate of the box may be used, those of its domain are tried. A certificate
 * that is known and of which the revocation is not keeps the message back, whatever the policy: clear content must not be had by cutting off a list.
 */
export async function choose(question: Question, judge: Judge): Promise<Choice> {
  const { policy, isEncrypted } = question
  if (policy === 'never') return isEncrypted ? { kind: 'as-is' } : { kind: 'plain', because: 'the policy for the domain is never' }
  const faults: string[] = []
  for (const [to, candidates] of holders(question)) {
    const { accepted, unknown, fault } = await firstOf(candidates, judge)
    if (accepted) return { kind: 'encrypt', to, certificate: accepted }
    if (unknown && !isEncrypted) return { kind: 'wait', because: `${to} certificate: ${unknown}` }
    if (fault) faults.push(`${to} certificate: ${fault}`)
  }
  if (isEncrypted) return { kind: 'as-is' }
  const because = faults.join('; ') || (question.isReport ? 'no certificate of the domain is known' : 'no certificate is known')
  return { kind: policy === 'required' ? 'refuse' : 'plain', because }
}

type Tried = [Holder, readonly Candidate[]]

/** In the order in which they are tried. What is encrypted already needs no second envelope for its box; in that of a domain its header is hidden too. */
function holders({ policy, box, domain, isReport, isEncrypted }: Question): Tried[] {
  const ofBox: Tried = ['box', box]
  const ofDomain: Tried = ['domain', domain]
  if (isEncrypted) return [ofDomain]
  if (!isReport) return [ofBox, ofDomain]
  return policy === 'required' ? [ofDomain, ofBox] : [ofDomain]
}

async function firstOf(
  candidates: readonly Candidate[],
  judge: Judge,
): Promise<{ accepted?: Candidate; unknown?: string; fault?: string }> {
  const found: { unknown?: string; fault?: string } = {}
  for (const certificate of candidates) {
    const verdict = await judge(certificate)
    if (verdict.kind === 'trusted') return { accepted: certificate }
    const said = `${verdict.why}, ${verdict.detail}`
    if (verdict.why === 'revocation-unknown') found.unknown ??= said
    else found.fault ??= said
  }
  return found
}
