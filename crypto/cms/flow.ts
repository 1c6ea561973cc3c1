import { type Source, slices } from './source.ts'

/** Takes octets as they come. What it is given is not altered, and what it hands on is its own no more. */
export interface Flow {
  add(octets: Buffer): void
  /** Nothing follows. */
  end(): void
}

/** A step on the way of octets: what is added to it goes on to the next one, changed. It begins with what precedes them. */
export type Stage = (next: Flow) => Flow

/**
 * Lets a source flow through. The stages call each other: a generator for each would take more time than what they do.
 * @param prepare called when the first octets are asked for
 * @returns what comes out, in pieces that a slice of the source brings forth; nothing else is kept
 */
export async function* through(source: Source, prepare: () => Promise<Stage> | Stage): AsyncGenerator<Buffer> {
  const ready: Buffer[] = []
  const flow = (await prepare())({ add: octets => void ready.push(octets), end: () => undefined })
  for await (const piece of source instanceof Uint8Array ? [source] : source) {
    for (const slice of slices(piece, SLICE)) {
      flow.add(slice)
      for (const octets of ready.splice(0)) yield octets
    }
  }
  flow.end()
  for (const octets of ready) yield octets
}

/** Fits the cache of a core, with what is made of it. */
const SLICE = 64 * 1024
