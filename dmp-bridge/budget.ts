import type { Limits } from './caps.ts'

/** A message holds more than is ever judged. */
export class TooManyDocuments extends Error {
  override readonly name = 'TooManyDocuments'
}

/** What one message may still unfold to: over all its archives, and all the messages in it. */
export class Budget {
  /** bytes out of archives */
  bytes: number
  /** files in archives */
  files: number
  #documents: number
  #described: number

  constructor(limits: Limits) {
    this.bytes = limits.maxUnzippedBytes
    this.files = limits.maxZipEntries
    this.#documents = limits.maxDocuments
    this.#described = limits.maxDocuments
  }

  /** A document, or something that stands for one. @throws TooManyDocuments */
  takeDocument(): void {
    this.#documents -= 1
    if (this.#documents < 0) throw new TooManyDocuments()
  }

  /** Entries of a METADATA.XML, whose files need not be documents. @throws TooManyDocuments */
  takeEntries(count: number): void {
    this.#described -= count
    if (this.#described < 0) throw new TooManyDocuments()
  }
}
