import { Fault } from '../../config/index.ts'
import type { PeerFault } from '../verdict.ts'

/**
 * Why a CMS object or an S/MIME mail was not made or not accepted:
 *   malformed      not the encoding, or not the structure, that the standards give
 *   too-large      beyond a bound of ours (octets, depth, number of signers, recipients or layers)
 *   unsupported    a well-formed structure or algorithm that we do not handle
 *   weak           an algorithm or key size below ANSSI RGS B1
 *   unsigned       no signature where one is needed
 *   signer         the signature is right, its certificate is not accepted: `verdict` says why
 *   altered        the content, or its sender, is not what was signed or protected
 *   forged         the signature value was not made by the certificate's key
 *   recipient      nothing is encrypted to a certificate that is not accepted: `verdict` says why
 *   not-for-us     encrypted to others
 *   undecryptable  one word for everything that can go wrong with a key and a ciphertext: telling them apart would help who has neither
 */
export type CmsFaultReason =
  | 'malformed'
  | 'too-large'
  | 'unsupported'
  | 'weak'
  | 'unsigned'
  | 'signer'
  | 'altered'
  | 'forged'
  | 'recipient'
  | 'not-for-us'
  | 'undecryptable'

/** The one error of this folder and of S/MIME. The message is a sentence that never quotes the content. */
export class CmsFault extends Fault<CmsFaultReason> {
  override readonly name = 'CmsFault'
  readonly verdict: PeerFault | undefined
  constructor(reason: CmsFaultReason, message: string, options?: ErrorOptions & { verdict?: PeerFault }) {
    super(reason, message, options)
    this.verdict = options?.verdict
  }
}

/** Always the same object content: no cause, no detail. */
export function undecryptable(): CmsFault {
  return new CmsFault('undecryptable', 'the message cannot be decrypted')
}

/** Runs a parser of small structures; whatever it throws means that the octets are not what they should be. */
export function parsing<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof CmsFault) throw cause
    throw new CmsFault('malformed', `${what} cannot be read`, { cause })
  }
}
