/** Nobody's turn comes in time: too many calls wait already, or the caller's time is up. */
export class Busy extends Error {
  override readonly name = 'Busy'
}

export interface Limiter {
  /**
   * Runs a call when its turn comes.
   * @param options.urgent somebody waits for the answer: goes before what is not
   * @param options.signal ends the waiting, not the call
   * @throws Busy, or what the call throws
   */
  run<T>(call: () => Promise<T>, options?: { urgent?: boolean; signal?: AbortSignal | undefined }): Promise<T>
  /** The service asked for a rest: no call starts for so long (milliseconds). */
  rest(forMs: number): void
  /** Nobody's turn comes any more; what runs is let run. */
  close(): void
}

export interface LimiterOptions {
  /** The Annuaire Santé allows 17 calls a second to one application. */
  perSecond?: number
  /** Calls that may wait for their turn. */
  waiting?: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
  /** Calls back after so many milliseconds. @returns how to call it off */
  after?: (ms: number, wake: () => void) => () => void
}

interface Waiting {
  start: () => void
  fail: (error: Busy) => void
}

const WINDOW_MS = 1000

/**
 * No more calls than allowed in *any* second, seen from the service: a place is taken when a call starts and given back a second after it *ended*,
 * so whatever time requests spend on the way, the service never counts one too many (a bucket refilled by our own clock would let a late
 * request meet an early one, and a full bucket let twice the number through in its first second).
 */
export function openLimiter(options: LimiterOptions = {}): Limiter {
  const { perSecond = 17, waiting = 200, now = () => performance.now(), after = timer } = options
  const urgent: Waiting[] = []
  const patient: Waiting[] = []
  const ended: number[] = []
  let running = 0
  let restUntil = Number.NEGATIVE_INFINITY
  let isClosed = false
  let callOff: (() => void) | undefined

  /** @returns milliseconds until a place is free: 0 now, infinity when only the end of a call can free one */
  function untilFree(): number {
    const at = now()
    while (ended.length > 0 && (ended[0] as number) <= at - WINDOW_MS) ended.shift()
    if (restUntil > at) return restUntil - at
    if (running + ended.length < perSecond) return 0
    return ended.length > 0 ? (ended[0] as number) + WINDOW_MS - at : Number.POSITIVE_INFINITY
  }

  function turn(): void {
    callOff?.()
    callOff = undefined
    if (isClosed) for (const place of [...urgent.splice(0), ...patient.splice(0)]) place.fail(new Busy('closed'))
    while (urgent.length + patient.length > 0) {
      const wait = untilFree()
      if (wait > 0) {
        if (wait < Number.POSITIVE_INFINITY) callOff = after(Math.ceil(wait), turn)
        return
      }
      running++
      const next = urgent.shift() ?? patient.shift()
      next?.start()
    }
  }

  function myTurn(queue: Waiting[], signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        queue.splice(queue.indexOf(place), 1)
        reject(new Busy('the time was up before a turn came'))
      }
      const stay = () => signal?.removeEventListener('abort', leave)
      const place: Waiting = {
        start: () => {
          stay()
          resolve()
        },
        fail: error => {
          stay()
          reject(error)
        },
      }
      if (signal?.aborted) return reject(new Busy('the time was up before a turn came'))
      if (urgent.length + patient.length >= waiting && !makeRoom(queue)) return reject(new Busy('too many calls wait already'))
      signal?.addEventListener('abort', leave, { once: true })
      queue.push(place)
      turn()
    })
  }

  /** Who is urgent takes the place of the last one who is not. */
  function makeRoom(queue: Waiting[]): boolean {
    const last = queue === urgent ? patient.pop() : undefined
    last?.fail(new Busy('gave its place to a more urgent call'))
    return last !== undefined
  }

  return {
    async run(call, { urgent: isUrgent = false, signal } = {}) {
      await myTurn(isUrgent ? urgent : patient, signal)
      try {
        return await call()
      } finally {
        running--
        ended.push(now())
        turn()
      }
    },
    rest(forMs) {
      restUntil = Math.max(restUntil, now() + forMs)
    },
    close() {
      isClosed = true
      turn()
    },
  }
}

function timer(ms: number, wake: () => void): () => void {
  const handle = setTimeout(wake, ms)
  return () => clearTimeout(handle)
}
