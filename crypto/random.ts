import { randomFillSync } from 'node:crypto'

const POOL = 4096
let pool = Buffer.alloc(0)
let at = 0

/**
 * Random octets for keys and nonces, from a supply that is filled at once: asking OpenSSL for each costs as much as encrypting some kilobytes.
 * No octet is handed out twice, and none stays in the supply.
 * @param count at most 4096
 */
export function randomOctets(count: number): Buffer {
  if (at + count > pool.length) {
    pool = randomFillSync(Buffer.allocUnsafeSlow(POOL))
    at = 0
  }
  const octets = Buffer.allocUnsafeSlow(count)
  pool.copy(octets, 0, at, at + count)
  pool.fill(0, at, at + count)
  at += count
  return octets
}
