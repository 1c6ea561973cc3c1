import { workerData } from 'node:worker_threads'
import { type AnchorFiles, loadAnchors, type PackedIdentity, unpackIdentity } from '../../crypto/index.ts'
import { responders } from '../revocation/index.ts'
import { look, type Seen } from './look.ts'

export interface LookThread {
  anchors: AnchorFiles
  /** Octets, of a mail and of each layer of it. */
  most: number
}

/** `at`: milliseconds. */
export interface LookTask {
  mail: Uint8Array
  at: number
  identities: readonly PackedIdentity[]
}

const { anchors: files, most } = workerData as LookThread
const anchors = loadAnchors(files, { ocsp: responders() })

/** Entry of the thread. */
export default function lookInto({ mail, at, identities }: LookTask): Promise<Seen> {
  const octets = Buffer.from(mail.buffer, mail.byteOffset, mail.byteLength)
  return look(octets, { identities: identities.map(unpackIdentity), anchors, at: new Date(at), most })
}
