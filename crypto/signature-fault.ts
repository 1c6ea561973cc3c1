import { Fault } from '../config/index.ts'
import type { PeerFault } from './verdict.ts'

/**
 * Why a signature was not accepted:
 *   malformed     not XML that we read (cut short, a DTD, another encoding)
 *   unsigned      no signature at all
 *   ambiguous     several signatures, a signature elsewhere than in the root, several elements with the signed id
 *   unsupported   an algorithm, transform or structure beyond the one form that we accept
 *   signer        the certificate is not accepted; `verdict` says why
 *   altered       the content is not the one that was signed
 *   forged        the signature value was not made by the certificate's key
 */
export type SignatureFaultReason = 'malformed' | 'unsigned' | 'ambiguous' | 'unsupported' | 'signer' | 'altered' | 'forged'

/** A signature that was refused. The message never quotes the document. */
export class SignatureFault extends Fault<SignatureFaultReason> {
  override readonly name = 'SignatureFault'
  readonly verdict: PeerFault | undefined
  constructor(reason: SignatureFaultReason, message: string, options?: ErrorOptions & { verdict?: PeerFault }) {
    super(reason, message, options)
    this.verdict = options?.verdict
  }
}
