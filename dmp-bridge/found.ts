import type { CdaReading } from './cda.ts'
import type { FoundDocument } from './facts.ts'
import type { Reason } from './reasons.ts'
import { digest } from './unzip.ts'

/** @returns a document without facts yet */
export function found(path: string, content: Uint8Array, faults: Reason[]): FoundDocument {
  return { path, content, sha256: digest('sha256', content), marks: [], faults }
}

/** @returns the document with what its header says, or with the reason why it can't be read */
export function withReading(document: FoundDocument, reading: CdaReading): FoundDocument {
  if (reading.kind === 'cda') return { ...document, cda: reading.cda, faults: [...document.faults, ...reading.faults] }
  if (reading.kind === 'unreadable') return { ...document, faults: [...document.faults, reading.reason] }
  return document
}
