import { randomUUID } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { sharedConcat } from '../../config/threads.ts'
import { type PackedIdentity, unpackIdentity } from '../../crypto/index.ts'
import { type DmpContext, type FoundDocument, prepareSubmission, type SubmissionRequest, type Unfit } from '../../dmp-bridge/index.ts'
import type { DmpConfiguration } from './policy.ts'
import { signersOf } from './signers.ts'

const dmp = workerData as DmpConfiguration

export interface PrepareTask {
  documents: readonly FoundDocument[]
  asked: Omit<DmpContext, 'newId'>
  /** ORG SIGN */
  signature: PackedIdentity
}

/** Entry of the thread: canonical XML, digests and signature of a large document take longer than an SMTP dialogue may wait. */
export default function prepare({ documents, asked, signature }: PrepareTask): SubmissionRequest | Unfit {
  const signers = signersOf(() => unpackIdentity(signature))
  const endpoint = `${dmp.url.replace(/\/$/, '')}/repository`
  const request = prepareSubmission(documents, { ...asked, newId: randomUUID, software: dmp.software, vihf: dmp.vihf, signers, endpoint })
  return 'unfit' in request ? request : { ...request, body: sharedConcat([request.body]) }
}
