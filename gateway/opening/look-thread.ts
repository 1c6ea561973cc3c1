import type { MessagePort } from 'node:worker_threads'
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
    return await look(octets, { identities: identities.map(unpackIdentity), judge: judgeBehind(port), most })
  } finally {
    port.close()
  }
}
