/** When to try again (RFC 5321 §4.5.4.1), as data. All in milliseconds. */
export interface Retry {
  readonly schedule: readonly number[]
  readonly warnAfter: number
  readonly giveUpAfter: number
  readonly overdueAfter: number
}

/**
 * @param attempts how many attempts have failed, this one included
 * @param random 0 to 1: up to a tenth is added, so that recipients deferred together do not come back together
 * @returns the time of the next attempt, or undefined when the message is too old for one
 */
export function nextAttempt(
  retry: Retry,
  message: { acceptedAt: number; attempts: number },
  now: number,
  random: number,
): number | undefined {
  if (now - message.acceptedAt >= retry.giveUpAfter) return undefined
  const wait = retry.schedule[Math.min(message.attempts, retry.schedule.length) - 1] ?? 60_000
  // The last attempt is made when the time is up, not one interval later.
  return Math.min(now + wait * (1 + random / 10), Math.max(now, message.acceptedAt + retry.giveUpAfter))
}
