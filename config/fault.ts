/** A failure that is told apart by its reason, a word of a short list. The message is a sentence for the log or the operator. */
export class Fault<Reason extends string> extends Error {
  readonly reason: Reason
  constructor(reason: Reason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
