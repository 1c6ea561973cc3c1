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

/** A list that must not be used. The message is a sentence for the operator. */
export class WhiteListFault extends Error {
  override readonly name = 'WhiteListFault'
  readonly reason: WhiteListReason

  constructor(reason: WhiteListReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
