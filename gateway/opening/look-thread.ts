import type { MessagePort } from 'node:worker_threads'
import { sharedConcat } from '../../config/threads.ts'
import { type PackedIdentity, unpackIdentity } from '../../crypto/index.ts'
import { judgeBehind } from './judge-port.ts'
import { look, type Seen } from './look.ts'

export interface LookTask {
  mail: Uint8Array
  identities: readonly PackedIdentity[]
  /** Octets, of the mail and of each layer of it. */
  most: number
  /** Where certificates are judged. */
  judge: MessagePort
}

/** Entry of the thread. */
export default async function lookInto({ mail, identities, most, judge: port }: LookTask): Promise<Seen> {
  const octets = Buffer.from(mail.buffer, mail.byteOffset, mail.byteLength)
  try {
    const seen = await look(octets, { identities: identities.map(unpackIdentity), judge: judgeBehind(port), most })
    return seen.kind === 'opened' ? { ...seen, message: sharedConcat([seen.message]) } : seen
  } finally {
    port.close()
  }
}
