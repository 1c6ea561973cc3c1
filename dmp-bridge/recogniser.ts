import { Piscina } from 'piscina'
import { compiled } from '../config/paths.ts'
import { forThread } from '../config/threads.ts'
import { installedSchema, installedSchematrons } from './ans/installed-schema.ts'
import type { Limits } from './caps.ts'
import type { Recognition } from './facts.ts'
import type { Reason } from './reasons.ts'
import type { RecogniseTask } from './recognise-thread.ts'

export interface Recogniser {
  /**
   * @param eml a whole message; copied unless it lies in memory that threads share, so that the caller keeps it
   * @param options.candidates see `recogniseMessage`
   */
  message(eml: Uint8Array, options?: { candidates?: boolean }): Promise<Recognition>
  /** @param name of a file of the operator (.eml, .zip, .xml, .hl7, .hpr …) */
  file(name: string, bytes: Uint8Array): Promise<Recognition>
  close(): Promise<void>
}

export interface RecogniserOptions {
  threads: number
  limits: Limits
  timeoutMs: number
  /** folder of the files of the ANS, by which documents are checked too */
  ansFiles?: string | undefined
  script?: string
}

/**
 * Recognises in threads, so that no message holds up the event loop. A thread that is still at work after the time allowed is
 * ended, and another started: the answer is then a fault, which holds the message for a human. Nothing else waits for it.
 * @param options.timeoutMs of one message, from the moment that a thread is free for it
 * @param options.script of the thread; a test gives its own
 */
export function openRecogniser(options: RecogniserOptions): Recogniser {
  const pool = new Piscina<RecogniseTask, Recognition>({
    filename: options.script ?? compiled('dmp-bridge/recognise-thread'),
    minThreads: 1,
    maxThreads: options.threads,
    idleTimeout: 60_000, // a thread takes a quarter of a second to start: it stays for the next message
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  })
  pool.on('error', () => {}) // a thread that cannot start: its message is held, nothing else falls with it
  const turn = turnstile(options.threads)
  const { ansFiles: folder } = options
  const installed = () =>
    folder === undefined ? [] : [installedSchema(folder), installedSchematrons(folder)].filter(each => each !== undefined)
  const atStart = installed() // a thread that starts while the folder is replaced would judge by the shipped shape alone
  const run = (bytes: Uint8Array, asked: Pick<RecogniseTask, 'name' | 'candidates'>) =>
    turn(async () => {
      if (atStart.length > installed().length) return nothing('reading-failed')
      const { octets, transferList } = forThread(bytes)
      const { limits, ansFiles } = options
      const task: RecogniseTask = { bytes: octets, limits, ...asked, ...(ansFiles !== undefined && { ansFiles }) }
      const signal = AbortSignal.timeout(options.timeoutMs)
      try {
        return await pool.run(task, { signal, transferList })
      } catch {
        return nothing(signal.aborted ? 'reading-timed-out' : 'reading-failed')
      }
    })
  return {
    message: (eml, { candidates = false } = {}) => run(eml, { candidates }),
    file: (name, bytes) => run(bytes, { name }),
    close: () => pool.destroy(),
  }
}

function nothing(fault: Reason): Recognition {
  return { documents: [], ignored: [], faults: [fault] }
}

/** Lets `places` run at once and the others wait outside the pool, since a task that waits inside it would use up its time there. */
function turnstile(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = places
  return async work => {
    if (free > 0) free -= 1
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}
