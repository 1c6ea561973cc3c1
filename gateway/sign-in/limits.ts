import type { Pace } from './buckets.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * How fast may be guessed, and by whom. A stranger must not be able to lock a doctor out: what strangers do wrong is held against their network, and
 * against the box only where the box has never signed in from.
 */
export const GUESSES = {
  /** One box from one network where it has never signed in: a person mistypes five times, then thinks for three minutes; 480 guesses a day. */
  stranger: { most: 5, forgivenEvery: 3 * MINUTE },
  /** One box from a network where it has signed in: an old telephone with an old password must not hold up its owner for longer than this. */
  familiar: { most: 20, forgivenEvery: 30 * SECOND },
  /** One network, over boxes where it is a stranger: a practice that moves house, not a list of addresses with one password each. */
  network: { most: 50, forgivenEvery: MINUTE },
  /** One box, over all networks where it is a stranger: 820 guesses in the first day, however many machines take part. */
  box: { most: 100, forgivenEvery: 2 * MINUTE },
  /**
   * Tokens that are not genuine and certificates of strangers, by network. They can't be guessed: this only bounds the work they make. An
   * expired token counts nothing, it is the ordinary life of one that lives for some minutes (spec mssante §2.1).
   */
  forged: { most: 100, forgivenEvery: 10 * SECOND },
} as const satisfies Record<string, Pace>

/** Networks where a box has signed in. */
export const FAMILIAR = {
  /** Someone who did not come for a season is a stranger again. */
  forgottenAfter: 90 * DAY,
  /** A date that is this old is written anew: one write a day, not one a connection. */
  renewedAfter: DAY,
  /** The latest ones of a box: a practice, a home, a hospital, and telephones that change their network daily. */
  most: 30,
} as const

/** Connections that one network may hold at one door at once: a hospital behind one address, not all the places of a door. */
export const CONNECTIONS_PER_NETWORK = 100

/**
 * Messages of a box. People write at human speed, and a practice's software for them, a day's letters at once; whoever has stolen a
 * password does not stop there. Establishments send discharge reports by the thousand (ORG, APP): they are bounded against loops only.
 */
export const MESSAGES: Readonly<Record<'PER' | 'CAB' | 'ORG' | 'APP', Pace>> = {
  PER: { most: 300, forgivenEvery: 10 * SECOND },
  CAB: { most: 300, forgivenEvery: 10 * SECOND },
  ORG: { most: 20_000, forgivenEvery: SECOND / 10 },
  APP: { most: 20_000, forgivenEvery: SECOND / 10 },
}
