/** A refusal of the API: its status and its OperationOutcome. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: 400 | 401 | 404 | 412 | 429 | 500
  readonly code: string

  constructor(status: Refused['status'], code: string, text: string) {
    super(text)
    this.status = status
    this.code = code
  }
}

export function outcomeOf({ code, message }: Refused): object {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, details: { text: message } }] }
}

export const invalid = (text: string) => new Refused(400, 'invalid', text)
