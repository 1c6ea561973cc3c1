import { appendFileSync } from 'node:fs'
import type { FaultKind } from './faults.ts'
import type { Problem } from './refusals.ts'

/** What the simulator saw and answered: ids and codes only, never a patient, a title or a content. */
export interface RequestRecord {
  /** ISO, the simulator's clock. */
  at: string
  path: string
  /** HTTP status, absent when no answer was given. */
  status?: number
  messageId?: string
  /** wsa:Action */
  action?: string
  /** Struct_IdNat of the TLS client certificate. */
  structure?: string
  outcome: 'filed' | 'deleted' | 'answered' | 'refused' | 'soap-fault' | 'http-error' | 'silent'
  problems?: readonly Problem[]
  /** Code and subcode of a SOAP fault. */
  soapFault?: string
  reason?: string
  fault?: FaultKind
  submissionSetUniqueId?: string
  /** uniqueIds that were filed, or deleted, by this request. */
  uniqueIds?: string[]
  /** Octets of the request body. */
  size?: number
}

/** Keeps the records in memory and, when a file is named, appends each as a line of JSON. */
export class Journal {
  readonly requests: RequestRecord[] = []
  private readonly file: string | undefined

  constructor(file: string | undefined) {
    this.file = file
  }

  write(record: RequestRecord): void {
    this.requests.push(record)
    if (this.file) appendFileSync(this.file, `${JSON.stringify(record)}\n`)
  }
}
