import type { z } from 'zod'

/** One operation that a room offers over HTTP, as data. The shell routes it, checks its forms, describes it and audits each call. */
export interface Endpoint {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** As OpenAPI writes it: `/v1/boxes/{address}`. */
  readonly path: string
  /** OpenAPI operationId. */
  readonly id: string
  readonly summary: string
  readonly params: z.ZodObject
  readonly query: z.ZodObject
  readonly body?: z.ZodObject
  /** Media types of a body that is no JSON but a text; `run` has it as `body.text`. */
  readonly text?: readonly string[]
  /** Most octets of the body, where it is more than the shell takes by itself. */
  readonly maxBody?: number
  readonly status: 200 | 201
  readonly answer: z.ZodObject
  /** Whether the call may carry If-Match with the revision that it is about. */
  readonly conditional?: boolean
  /** What the audit line says beside who, what and how it ended. Never a value of a patient. */
  audited?(body: Record<string, unknown>, answer: Record<string, unknown>): { object?: string; detail?: Record<string, string> }
  run(call: {
    params: Record<string, unknown>
    query: Record<string, unknown>
    body: Record<string, unknown>
    by: string
    revision?: number
  }): Promise<unknown>
}

/** Why a room refused an operation. */
export interface Refused {
  status: 404 | 409 | 412 | 422
  reason: string
  message: string
  faults: readonly { field: string; reason: string; message: string }[]
}
