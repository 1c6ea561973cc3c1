import type { Bend } from './bend.ts'

/**
 * What becomes of one document: `filed`, or `held`, `ignored`, `refused` with reasons. Of a document that is held all these reasons must be
 * told, and others may be: what is wrong in one way often is in another. Of what is ignored, exactly these.
 */
export type Expected = string

/** One named departure from a good letter. Names carry no health data. */
export interface Case {
  name: string
  bend: Bend | readonly Bend[]
  /** one for each document found, in their order; of a message without any, that of the message; `[]` when there is nothing to file */
  expect: readonly Expected[]
  /** which of the documents made are in the DMP afterwards; `main` alone when something is expected to be filed */
  stored?: readonly string[]
  /** the policy of production: only .8 and .9 */
  production?: true
  /** judged by the worker alone: the message by itself does not tell */
  worker?: true
}

export function bendsOf({ bend }: Case): readonly Bend[] {
  return Array.isArray(bend) ? (bend as readonly Bend[]) : [bend as Bend]
}

export function storedOf({ expect, stored }: Case): readonly string[] {
  return stored ?? (expect.includes('filed') ? ['main'] : [])
}

/** @returns whether what was observed is what is expected */
export function isAsExpected(observed: readonly string[], expected: readonly Expected[]): boolean {
  return observed.length === expected.length && observed.every((each, index) => isOne(each, expected[index] ?? ''))
}

function isOne(observed: string, expected: Expected): boolean {
  const [state, ...reasons] = observed.split(' ')
  const [wanted, ...needed] = expected.split(' ')
  if (state !== wanted) return false
  return state === 'held' ? needed.length > 0 && needed.every(each => reasons.includes(each)) : reasons.join() === needed.join()
}
