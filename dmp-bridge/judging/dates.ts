import type { CdaFacts } from '../facts.ts'
import { formatDtm, toDtm } from '../hl7-time.ts'
import type { Reason } from '../reasons.ts'

/** The document and its act are dated to the day at least, the act does not end before it starts, and nothing is written tomorrow. */
export function judgeDates(cda: CdaFacts, now: Date | undefined): Reason[] {
  const [written, start, stop] = [cda.effectiveTime, cda.service.start ?? '', cda.service.stop].map(each =>
    each === undefined ? undefined : toDtm(each),
  )
  const endsWell = cda.service.stop === undefined || (stop !== undefined && start !== undefined && stop >= start)
  const isFuture = now !== undefined && written !== undefined && written > formatDtm(new Date(now.getTime() + CLOCK_TOLERANCE_MS))
  return written === undefined || start === undefined || !endsWell || isFuture ? ['bad-date'] : []
}

/** Clocks of practices and ours may differ by this (spec dmp §1.4 wants them consistent). */
const CLOCK_TOLERANCE_MS = 4 * 60_000
