/** A seeded generator (mulberry32): the same seed gives the same day. */
export interface Dice {
  /** in [0, 1) */
  next(): number
  below(count: number): number
  pick<T>(list: readonly T[]): T
}

export function openDice(seed: number): Dice {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (count: number) => Math.floor(next() * count)
  return { next, below, pick: list => list[below(list.length)]! }
}
