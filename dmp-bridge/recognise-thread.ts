import { constants, setPriority } from 'node:os'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import type { Limits } from './caps.ts'
import { recogniseFile, recogniseMessage } from './recognise.ts'

// Of this thread alone (Linux): the mail goes first, a document waits for its author's delay anyway.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL)

/** What a thread is asked: a whole message, or a file under its name. */
export interface RecogniseTask {
  bytes: Uint8Array
  limits: Limits
  name?: string
  /** see `recogniseMessage` */
  candidates?: boolean
  /** see `recogniseMessage` */
  ansFiles?: string
}

/** Entry of a piscina thread: answers a `Recognition`, whose bytes are moved to the caller, not copied. */
export default async function recogniseInThread({ bytes, limits, name, ...options }: RecogniseTask): Promise<unknown> {
  const result = name === undefined ? await recogniseMessage(bytes, limits, options) : await recogniseFile(name, bytes, limits, options)
  const buffers = new Set(result.documents.map(each => each.content.buffer as ArrayBuffer))
  return move({ [transferableSymbol]: [...buffers], [valueSymbol]: result })
}
