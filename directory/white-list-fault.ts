import { Fault } from '../config/index.ts'
export type WhiteListReason =
  | 'unreadable' // the file cannot be read
  | 'too-large'
  | 'not-utf8'
  | 'signature' // the signature or its signer is refused; `cause` says why
  | 'not-well-formed' // cut or malformed XML
  | 'schema' // an element is missing, repeated, unknown or out of order
  | 'date'
  | 'empty'
  | 'unreadable-entries' // too many entries that cannot be read
  | 'future' // generated after now
  | 'older' // generated before the list in use
  | 'shrunk' // fewer than half of the entries of the list in use
  | 'unreachable' // the publisher's server, from here on
  | 'too-slow'
  | 'server-certificate'
  | 'redirect' // to another host, or out of HTTPS
  | 'answer' // neither the list nor "not modified"
  | 'unwritable' // the copy in place cannot be replaced

/** A list that must not be used. The message is a sentence for the operator. */
export class WhiteListFault extends Fault<WhiteListReason> {
  override readonly name = 'WhiteListFault'
  /** Of a refused signature, the verifier's own code: unsigned, altered, forged, signer, malformed, … */
  readonly detail: string | undefined

  constructor(reason: WhiteListReason, message: string, options?: ErrorOptions) {
    super(reason, message, options)
    this.detail = reason === 'signature' ? (options?.cause as { reason?: string } | undefined)?.reason : undefined
  }
}
