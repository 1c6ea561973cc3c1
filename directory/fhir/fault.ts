/** Why a call to the Annuaire Santé brought nothing. */
export type FhirReason =
  /** no connection, no trust in its certificate, or it was cut */
  | 'unreachable'
  | 'timeout'
  /** our own limit: too many calls wait */
  | 'busy'
  /** 429 */
  | 'throttled'
  /** 401 or 403: the key */
  | 'unauthorized'
  /** 5xx */
  | 'failing'
  /** another 4xx, or a 3xx: it does not take the question */
  | 'refused'
  /** an answer that is no FHIR, not of the question, or too long */
  | 'malformed'

/** The message holds codes and numbers of ours only; what the service wrote is in `text`, for the operator and never for a log. */
export class FhirFault extends Error {
  override readonly name = 'FhirFault'
  readonly reason: FhirReason
  readonly status: number | undefined
  /** From the OperationOutcome: its code and its words, cut. */
  readonly text: string | undefined

  constructor(reason: FhirReason, details: { status?: number; text?: string | undefined; cause?: unknown; code?: string } = {}) {
    const { status, text, cause, code } = details
    super([reason, status, code].filter(Boolean).join(' '), cause === undefined ? undefined : { cause })
    this.reason = reason
    this.status = status
    this.text = text
  }

  /** The service is out, or does not know us: whatever else is asked of it now would fail too. */
  get isOutage(): boolean {
    return ['unreachable', 'timeout', 'failing', 'unauthorized'].includes(this.reason)
  }

  /** It answered, however little use that is: it is not out. */
  get isAnswer(): boolean {
    return this.reason === 'refused' || this.reason === 'malformed'
  }
}
