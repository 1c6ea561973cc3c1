import { Refusal, type RefusalReason } from '../refusals.ts'
import type { SeenFault } from './look.ts'

/** Of a mail that is encrypted to us and not handed out. RFC 3463 §3.8: X.7.5 cryptographic failure, X.7.6 algorithm, X.7.7 integrity. */
const REASONS: Record<SeenFault['reason'], RefusalReason> = {
  undecryptable: 'sealedUnreadable',
  malformed: 'sealedMalformed',
  'too-large': 'sealedTooMuch',
  unsupported: 'sealedNotSupported',
  weak: 'sealedNotSupported',
  altered: 'sealedAltered',
  forged: 'sealedAltered',
  unsigned: 'sealedAltered',
  signer: 'signerRefused',
  // Faults of encrypting; never met here.
  recipient: 'sealedMalformed',
  'not-for-us': 'sealedMalformed',
}

/** One sentence whatever went wrong behind our key, in the table of refusals: a detail would tell what was decrypted. */
export function refusalOfClosed({ reason, detail, verdict }: SeenFault): Refusal {
  if (reason === 'undecryptable') return new Refusal('sealedUnreadable')
  if (verdict === 'revocation-unknown') return new Refusal('signerUncheckable', detail)
  return new Refusal(REASONS[reason], detail)
}
