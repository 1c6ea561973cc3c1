import type { KeyObject } from 'node:crypto'
import { readCertificate } from './certificate.ts'
import type { Identity } from './identity.ts'
import { keepKey, keyOf } from './keyring.ts'

/** An identity on its way to a thread of ours. What is inside is for this room only. */
export interface PackedIdentity {
  readonly packed: unknown
}

interface Content {
  certificatePem: string
  chainPem: readonly string[]
  key: KeyObject
}

/**
 * An identity as `postMessage` and a pool's task take it: a thread gets a handle of the key, its octets are neither copied nor written. A thread that
 * read the files itself could meet them half replaced, or take a pair that we have refused.
 */
export function packIdentity(identity: Identity): PackedIdentity {
  const { certificatePem, chainPem } = identity
  return { packed: { certificatePem, chainPem, key: keyOf(identity).key } satisfies Content }
}

/** One for each certificate in use: a renewed one comes every three years. */
const MOST = 16
const known = new Map<string, Identity>()

/** In the thread: the identity that {@link packIdentity} packed; the same object each time, so that what hangs on it is made once. */
export function unpackIdentity({ packed }: PackedIdentity): Identity {
  const { certificatePem, chainPem, key } = packed as Content
  const name = [certificatePem, ...chainPem].join('\n')
  const identity =
    known.get(name) ?? Object.freeze({ certificatePem, chainPem: Object.freeze([...chainPem]), facts: readCertificate(certificatePem) })
  if (!known.has(name)) keepKey(identity, key)
  known.delete(name)
  known.set(name, identity)
  for (const oldest of known.keys()) if (known.size > MOST) known.delete(oldest)
  return identity
}
