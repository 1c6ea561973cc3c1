export interface ThrottleOptions {
  /** milliseconds since epoch */
  now: () => number
  /** Resolves after so many milliseconds. */
  wait: (milliseconds: number) => Promise<void>
}

const FIRST_MS = 250
const LONGEST_MS = 8_000
/** A quiet quarter of an hour is forgiven. */
const FORGOTTEN_MS = 900_000
const MOST_SOURCES = 10_000
/** Failures that wait take a connection each: the next ones are told to come later. */
const MOST_WAITING = 20

/**
 * Slows down whoever shows wrong tokens: each failure of a source is answered twice as late as the one before. Only failures wait, so a stranger
 * behind the same address never slows down who has a right token.
 */
export function openThrottle({ now, wait }: ThrottleOptions) {
  const sources = new Map<string, { count: number; last: number }>()
  let waiting = 0

  return {
    /** Notes a failure. @returns `waited` after the delay, `full` at once when too many wait; and how many there were */
    async failed(source: string): Promise<{ kind: 'waited' | 'full'; count: number }> {
      const known = sources.get(source)
      const count = known && now() - known.last < FORGOTTEN_MS ? known.count + 1 : 1
      if (sources.size >= MOST_SOURCES) sources.delete(sources.keys().next().value as string)
      sources.delete(source) // the longest silent is first
      sources.set(source, { count, last: now() })
      if (waiting >= MOST_WAITING) return { kind: 'full', count }
      waiting++
      try {
        await wait(Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(count - 1, 10)))
      } finally {
        waiting--
      }
      return { kind: 'waited', count }
    },
  }
}

export type Throttle = ReturnType<typeof openThrottle>
