import { constants, setPriority } from 'node:os'
import { sharedConcat } from '../config/threads.ts'
import type { Limits } from './caps.ts'
import type { Recognition } from './facts.ts'
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

/** Entry of a piscina thread: answers a `Recognition`, whose documents lie in shared memory: they go on to the thread that prepares them. */
export default async function recogniseInThread({ bytes, limits, name, ...options }: RecogniseTask): Promise<Recognition> {
  const result = name === undefined ? await recogniseMessage(bytes, limits, options) : await recogniseFile(name, bytes, limits, options)
  return { ...result, documents: result.documents.map(each => ({ ...each, content: sharedConcat([each.content]) })) }
}
