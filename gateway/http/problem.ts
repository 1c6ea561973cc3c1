import { STATUS_CODES } from 'node:http'
import { z } from 'zod'

export interface Fault {
  field: string
  reason: string
  message: string
}

/** What every refusal looks like (RFC 9457). */
export const problem = z
  .object({
    title: z.string(),
    status: z.number().int(),
    reason: z.string().describe('a word for programs'),
    detail: z.string().describe('a sentence for people'),
    faults: z
      .array(z.object({ field: z.string(), reason: z.string(), message: z.string() }))
      .optional()
      .describe('everything that is wrong'),
  })
  .meta({ id: 'Problem' })

export const PROBLEM_TYPE = 'application/problem+json'

/** Thrown once, where the rule is; the shell turns it into the answer. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly reason: string
  readonly faults: readonly Fault[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, reason: string, message: string, more: { faults?: readonly Fault[]; headers?: Record<string, string> } = {}) {
    super(message)
    this.status = status
    this.reason = reason
    this.faults = more.faults
    this.headers = more.headers ?? {}
  }

  toResponse(): Response {
    const { status, reason, message: detail, faults } = this
    const body: z.output<typeof problem> = { title: STATUS_CODES[status] ?? 'Refused', status, reason, detail }
    if (faults && faults.length > 0) body.faults = [...faults]
    return new Response(JSON.stringify(body), { status, headers: { ...this.headers, 'Content-Type': PROBLEM_TYPE } })
  }
}
