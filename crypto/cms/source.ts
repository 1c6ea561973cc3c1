import { CmsFault } from './fault.ts'

/** Octets in one piece, or as they come. */
export type Source = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Large enough that the work between pieces is nothing, small enough that memory is nothing either. */
const PIECE = 256 * 1024

/** The pieces of a source, none longer than 256 KiB. */
export async function* piecesOf(source: Source): AsyncGenerator<Buffer> {
  if (source instanceof Uint8Array) yield* slices(source)
  else for await (const piece of source) yield* slices(piece)
}

/** @param most octets of a slice */
export function* slices(octets: Uint8Array, most = PIECE): Generator<Buffer> {
  const whole = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  for (let at = 0; at < whole.length; at += most) yield whole.subarray(at, at + most)
}

/**
 * @param most octets
 * @returns the whole source
 * @throws CmsFault `too-large`, as soon as the bound is passed
 */
export async function collect(source: Source, most: number): Promise<Buffer> {
  const collected = new Collected(most)
  for await (const piece of piecesOf(source)) collected.add(piece)
  return collected.whole()
}

/** Pieces kept until they are whole, up to a bound. */
export class Collected {
  readonly #most: number
  #pieces: Buffer[] = []
  #length = 0
  constructor(most: number) {
    this.#most = most
  }

  add(piece: Buffer): void {
    this.#length += piece.length
    if (this.#length > this.#most) throw new CmsFault('too-large', `the content is longer than ${this.#most} octets`)
    this.#pieces.push(piece)
  }

  /** The pieces themselves, which are forgotten here. */
  take(): Buffer[] {
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  whole(): Buffer {
    return Buffer.concat(this.take())
  }
}
