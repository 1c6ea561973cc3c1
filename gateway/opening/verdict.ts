import { domainOf } from '../address.ts'
import type { Seen, SeenFault, SeenSigner } from './look.ts'

/** RFC 7281 §3: the results of the method `smime`. */
export type SmimeResult = 'none' | 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror'

export interface Verdict {
  result: SmimeResult
  reason?: string
  /** Everybody whose signature is right and whose certificate is accepted. */
  signers: readonly SeenSigner[]
  /** Ciphers of what was opened, outermost first. */
  opened?: readonly string[]
  /** The body part that holds the signature (RFC 3501 §6.4.5), of a mail that stays as it is. */
  part?: string
}

/** RFC 3183 §4: who signs for all of a domain. */
export const SIGNING_AUTHORITY = 'domain-signing-authority'

/**
 * What is said of a mail that was looked into.
 * @param from the author, as the header says
 * @returns undefined when there is nothing to say: it is not protected, or for others
 */
export function verdictOf(seen: Exclude<Seen, { kind: 'closed' }>, from: string): Verdict | undefined {
  if (seen.kind === 'left') return undefined
  if (seen.kind === 'unseen') return { result: 'temperror', reason: 'the signature could not be looked at in time', signers: [] }
  if (seen.kind === 'unverified') return ofFault(seen.fault)
  const { signed } = seen
  const shown = seen.kind === 'opened' ? { opened: seen.ciphers } : { part: seen.form === 'detached' ? '2' : '1' }
  return { ...ofSigners(signed, from), signers: signed.flat(), ...shown }
}

/** A right signature of somebody else says nothing about the author (RFC 8550 §3, RFC 7281 §3). */
function ofSigners(signed: readonly SeenSigner[][], from: string): Pick<Verdict, 'result' | 'reason'> {
  if (signed.length === 0) return { result: 'none' }
  if (signed.every(layer => layer.some(signer => names(signer, from)))) return { result: 'pass' }
  return { result: 'policy', reason: 'no certificate of the signers names the address of the From field' }
}

/** Whether a certificate names the address, or the signing authority of its domain. */
export function names({ emails }: SeenSigner, address: string): boolean {
  return emails.includes(address) || emails.includes(`${SIGNING_AUTHORITY}@${domainOf(address)}`)
}

/**
 * `fail`: the content, the signature or the certificate is wrong. `policy`: it may be right, and we do not accept how it was made. `neutral`: it cannot
 * be read. What we could not find out is `temperror`, what costs more than a signature may is `permerror`.
 */
const RESULTS: Record<SeenFault['reason'], SmimeResult> = {
  altered: 'fail',
  forged: 'fail',
  signer: 'fail',
  weak: 'policy',
  malformed: 'neutral',
  unsigned: 'neutral',
  unsupported: 'neutral',
  'too-large': 'permerror',
  // Faults of encryption: never those of a signature.
  recipient: 'permerror',
  'not-for-us': 'permerror',
  undecryptable: 'permerror',
}

function ofFault({ reason, detail, verdict }: SeenFault): Verdict {
  return { result: verdict ? ofCertificate(verdict) : RESULTS[reason], reason: detail, signers: [] }
}

function ofCertificate(verdict: NonNullable<SeenFault['verdict']>): SmimeResult {
  if (verdict === 'revocation-unknown') return 'temperror'
  if (verdict === 'no-certificate' || verdict === 'unreadable') return 'neutral'
  return verdict === 'not-from-anchors' || verdict === 'wrong-usage' ? 'policy' : 'fail'
}
