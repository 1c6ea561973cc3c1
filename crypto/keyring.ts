import { createPrivateKey, type KeyObject } from 'node:crypto'

/** The only place that holds private keys. Keyed by the identity itself, so a key can be neither printed nor serialised with it. */
const keys = new WeakMap<object, { key: KeyObject; pem: string }>()

/**
 * @param pem an unencrypted private key, PEM
 * @throws Error when it cannot be read; the message never holds the text
 */
export function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new Error('the private key cannot be read (an unencrypted PEM key is expected)', { cause })
  }
}

/** Remembers the key of an identity. */
export function keepKey(identity: object, key: KeyObject): void {
  keys.set(identity, { key, pem: key.export({ type: 'pkcs8', format: 'pem' }).toString() })
}

/** @throws Error for an object that no {@link keepKey} made an identity */
export function keyOf(identity: object): { key: KeyObject; pem: string } {
  const kept = keys.get(identity)
  if (!kept) throw new Error('not an identity of this keyring')
  return kept
}
