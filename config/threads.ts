/**
 * Large octets lie in memory that threads share: handing 25 MB to one would copy them while everybody waits. Whoever makes them writes them before anybody
 * else sees them; afterwards they are only read.
 */
export function sharedOctets(length: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(length))
}

/** @returns parts in one piece, as {@link sharedOctets} */
export function sharedConcat(parts: readonly Uint8Array[]): Buffer {
  const whole = sharedOctets(parts.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const part of parts) {
    whole.set(part, end)
    end += part.length
  }
  return whole
}

/** @returns what a thread gets of octets: shared ones as they are, others copied, and the copy handed over */
export function forThread(octets: Uint8Array): { octets: Uint8Array; transferList: ArrayBuffer[] } {
  if (octets.buffer instanceof SharedArrayBuffer) return { octets, transferList: [] }
  const own = new Uint8Array(octets)
  return { octets: own, transferList: [own.buffer] }
}
