import { Piscina } from 'piscina'
import { compiled } from '../../config/index.ts'
import { type Anchors, clientTls, packIdentity } from '../../crypto/index.ts'
import { type Dmp, dmpClient, type SubmissionRequest, type Unfit } from '../../dmp-bridge/index.ts'
import type { Identities } from '../certificates/identities.ts'
import type { DmpConfiguration } from './policy.ts'
import type { PrepareTask } from './prepare-thread.ts'
import { signersOf } from './signers.ts'

/** The largest document that is taken is canonicalised, digested and signed in a few seconds. */
const PREPARING_MS = 60_000

/** @returns what runs each piece of work when the one before has ended, well or not */
export function oneAfterTheOther(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const mine = last.then(work, work)
    last = mine
    return mine
  }
}

/** The DMP's client; requests are built and signed in a thread of their own. */
export function openDmp(dmp: DmpConfiguration, identities: NonNullable<Identities['dmp']>, anchors: Anchors): Dmp {
  const threads = new Piscina<PrepareTask, SubmissionRequest | Unfit>({
    filename: compiled('gateway/filing/prepare-thread'),
    workerData: dmp,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: 60_000,
  })
  threads.on('error', () => {}) // a thread that cannot start: the filing is tried again, nothing else falls with it
  const inTurn = oneAfterTheOther()
  const client = dmpClient({
    baseUrl: dmp.url,
    tls: () => clientTls({ identity: identities.client(), anchors, identifiedBy: 'name' }),
    software: dmp.software,
    vihf: dmp.vihf,
    signers: signersOf(identities.signature),
    timeoutMs: dmp.timeout,
  })
  return {
    ...client,
    async prepare(documents, { newId: _, ...asked }) {
      // The limit counts from its own turn: who waits behind a slow document is not slow himself.
      const request = await inTurn(() =>
        threads.run({ documents, asked, signature: packIdentity(identities.signature()) }, { signal: AbortSignal.timeout(PREPARING_MS) }),
      )
      if ('unfit' in request) return request
      const { buffer, byteOffset, byteLength } = request.body // a Buffer comes out of a thread as plain bytes
      return { ...request, body: Buffer.from(buffer, byteOffset, byteLength) }
    },
    close: async () => {
      await client.close()
      await threads.destroy()
    },
  }
}
