/** So many at once; afterwards one more each time one is forgiven. */
export interface Pace {
  most: number
  /** milliseconds in which one is forgiven */
  forgivenEvery: number
}

/** So many keys are remembered: at some 100 octets each, a few megabytes whatever strangers send. The one untouched for longest goes first. */
const MOST_KEYS = 50_000

/** Leaky buckets by key: two numbers each, whatever is poured in. */
export class Buckets {
  readonly #levels = new Map<string, { level: number; at: number }>()
  readonly #pace: Pace
  readonly #now: () => number
  readonly #most: number

  /** @param now milliseconds */
  constructor(pace: Pace, now: () => number, most = MOST_KEYS) {
    this.#pace = pace
    this.#now = now
    this.#most = most
  }

  /** @returns milliseconds until there is room for one more; 0 when there is */
  wait(key: string): number {
    const over = this.#level(key) + 1 - this.#pace.most
    return over <= 0 ? 0 : Math.ceil(over * this.#pace.forgivenEvery)
  }

  add(key: string): void {
    const level = this.#level(key) + 1
    this.#levels.delete(key)
    this.#levels.set(key, { level, at: this.#now() })
    if (this.#levels.size <= this.#most) return
    for (const oldest of this.#levels.keys()) {
      this.#levels.delete(oldest)
      break
    }
  }

  clear(key: string): void {
    this.#levels.delete(key)
  }

  get size(): number {
    return this.#levels.size
  }

  #level(key: string): number {
    const known = this.#levels.get(key)
    return known ? Math.max(0, known.level - (this.#now() - known.at) / this.#pace.forgivenEvery) : 0
  }
}
