import { randomUUID } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { buildSubmission, type DmpContext, type FoundDocument, type SubmissionRequest } from '../dmp-bridge/index.ts'
import { type DmpConfiguration, signersOf } from './filing.ts'

const dmp = workerData as DmpConfiguration
const signers = signersOf(dmp)

export interface PrepareTask {
  document: FoundDocument
  asked: Omit<DmpContext, 'newId'>
}

/** Entry of the thread: canonical XML, digests and signature of a large document take longer than an SMTP dialogue may wait. */
export default function prepare({ document, asked }: PrepareTask): SubmissionRequest {
  const endpoint = `${dmp.url.replace(/\/$/, '')}/repository`
  return buildSubmission(document, { ...asked, newId: randomUUID, software: dmp.software, signers, endpoint })
}
