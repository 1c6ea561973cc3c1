const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The times and limits of filing, in milliseconds. Data, so that a test lives through five days in an instant. */
export interface Timing {
  /** wait before the next attempt, by number of attempts made; the last one repeats */
  retryMs: readonly number[]
  /** an unreachable DMP is tried for at least so long before its documents are held */
  giveUpMs: number
  /** the bytes of a refused document are kept so long, so that a human can repair the cause and retry */
  keepRefusedMs: number
  /** how long an answer of TD0.2 is believed: an active DMP seldom closes, an absent one may open tomorrow */
  activeMs: number
  inactiveMs: number
  /** TD2 is limited to 5 a second for each structure and software (national rule of charge) */
  submissionsPerSecond: number
  /** after so many transport failures in a row, one probe at a time */
  breakerAfter: number
  /** wait between probes; doubles up to eight times this */
  probeMs: number
  /** a claim longer than this is anybody's; longer than reading, preparing and an exchange, and than the two exchanges that follow its renewal */
  leaseMs: number
  /** unforeseen exceptions or crashes over one row before it is held */
  faultsAllowed: number
  /** submissions and messages in hand at once, in one process */
  submitters: number
  readers: number
  /** the rows are looked at so often even when no bell rings */
  sweepMs: number
}

export const TIMING: Timing = {
  retryMs: [30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR],
  giveUpMs: 5 * DAY,
  keepRefusedMs: 7 * DAY,
  activeMs: 30 * DAY,
  inactiveMs: HOUR,
  submissionsPerSecond: 5,
  breakerAfter: 5,
  probeMs: 30 * SECOND,
  leaseMs: 15 * MINUTE,
  faultsAllowed: 5,
  submitters: 4,
  readers: 2,
  sweepMs: 30 * SECOND,
}

/** @returns the wait before the next attempt, after `attempts` were made */
export function retryDelay(timing: Timing, attempts: number): number {
  const { retryMs } = timing
  return retryMs[Math.min(Math.max(attempts, 1), retryMs.length) - 1] ?? HOUR
}
