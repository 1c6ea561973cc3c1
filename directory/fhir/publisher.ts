import type { Database } from '../../config/index.ts'
import { Breaker } from './breaker.ts'
import type { FhirClient } from './client.ts'
import { FhirFault } from './fault.ts'
import { Blocked, bringInLine, type Progress } from './publication-attempt.ts'
import { type Known, type PublishableBox, wantedOf } from './publication-plan.ts'
import { type Claimed, type Outcome, openPublications } from './publication-rows.ts'

const MINUTE = 60_000

/** Milliseconds. */
export interface PublisherTiming {
  /** Wait before the next attempt, by number of attempts made; the last one repeats, for as long as the service is out. */
  retry: readonly number[]
  /** A claim longer than this is anybody's; longer than all calls of one attempt. */
  lease: number
  /** The rows are looked at so often even when no bell rings. */
  sweep: number
  /** All boxes are compared with what was made known of them so often, and at the start. */
  compare: number
}

const TIMING: PublisherTiming = {
  retry: [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 60 * MINUTE],
  lease: 10 * MINUTE,
  sweep: 15_000,
  compare: 60 * MINUTE,
}

/** What the statuses of the contract mean here. */
const REFUSALS: Record<number, string> = {
  400: 'invalid',
  404: 'nobody-has-this-identifier',
  412: 'several-have-this-identifier',
}

type Detail = Readonly<Record<string, string | number | undefined>>

export interface PublisherOptions {
  db: Database
  client: Pick<FhirClient, 'search' | 'patch'>
  boxes: { find(address: string): Promise<PublishableBox | undefined>; list(): Promise<readonly PublishableBox[]> }
  /** Milliseconds since epoch. */
  now: () => number
  log: {
    info(event: string, detail: Detail): void
    warn(event: string, detail: Detail): void
    error(event: string, detail: Detail, cause: unknown): void
  }
  timing?: PublisherTiming
}

export interface Publisher {
  /** Something may be due. */
  ring(): void
  start(): void
  /** Waits for what is in hand; what is left is in its rows. */
  stop(): Promise<void>
  /** Does all that is due at this instant of the clock. */
  drain(): Promise<void>
}

/**
 * Keeps the national directory in line with our boxes, one at a time. Each attempt asks what the box is now, not what has happened to it, so
 * the order of changes, a change meanwhile, a crash and an attempt too many all come to the same.
 */
export function openPublisher(options: PublisherOptions): Publisher {
  const { db, client, boxes, now, log, timing = TIMING } = options
  const publications = openPublications(db, { now, leaseMs: timing.lease })
  const breaker = new Breaker({ after: 1, probeMs: 30_000 })
  let comparedAt = Number.NEGATIVE_INFINITY
  let working: Promise<void> = Promise.resolve()
  let running = false
  let stopping = false
  let rung = false
  let timer: NodeJS.Timeout | undefined

  async function drain(): Promise<void> {
    if (now() >= comparedAt + timing.compare) await compare()
    while (!stopping && (!breaker.isOpen || breaker.takesProbe(now()))) {
      const row = await publications.claim()
      if (!row) return
      await publications.end(row, await attempt(row))
    }
  }

  /** Finds what no row speaks of: boxes from before publication was switched on, or changed by somebody who did not say so. */
  async function compare(): Promise<void> {
    comparedAt = now()
    const rows = new Map((await publications.all()).map(row => [row.address, row]))
    const differs = (box: PublishableBox) => {
      const row = rows.get(box.address)
      return !row || (row.settled === row.asked && row.wanted !== JSON.stringify(wantedOf(box) ?? null))
    }
    await publications.ask((await boxes.list()).filter(differs).map(({ address }) => address))
  }

  async function attempt(row: Claimed): Promise<Outcome> {
    const { address } = row
    const target = wantedOf(await boxes.find(address))
    const published = row.published === null ? null : (JSON.parse(row.published) as Known)
    const progress: Progress = { published, inDoubt: row.in_doubt === 1 }
    const wanted = JSON.stringify(target ?? null)
    const done = ({ kind }: { kind: string }) => log.info('publication', { address, operation: kind })
    try {
      if (target && 'fault' in target) throw new Blocked(target.fault)
      await bringInLine({ client, address, wanted: target, wasSettled: row.settled > 0, progress, done })
      breaker.answered()
      return { ...progress, wanted, isSettled: true }
    } catch (error) {
      return { ...progress, wanted, ...judged(row, progress, error) }
    }
  }

  /** 400, 404, 412 and their like are for the operator to mend; everything else is the service's, and is tried again. */
  function judged(
    { address, attempts }: Claimed,
    { operation }: Progress,
    error: unknown,
  ): Pick<Outcome, 'isSettled' | 'fault' | 'text' | 'dueAt'> {
    if (error instanceof Blocked) {
      log.warn('publication-refused', { address, operation, fault: error.message })
      return { isSettled: true, fault: error.message }
    }
    if (!(error instanceof FhirFault)) throw error
    if (error.isAnswer) breaker.answered()
    else breaker.failed(now())
    if (error.reason === 'refused') {
      const fault = REFUSALS[error.status ?? 0] ?? error.message
      log.warn('publication-refused', { address, operation, fault, status: error.status })
      return { isSettled: true, fault, text: error.text }
    }
    const wait = timing.retry[Math.min(attempts, timing.retry.length - 1)] ?? MINUTE
    log.warn('publication-deferred', { address, operation, fault: error.message, attempts: attempts + 1 })
    return { isSettled: false, fault: error.message, text: error.text, dueAt: now() + wait }
  }

  function wake(): void {
    if (!running || rung) return
    rung = true
    working = working.then(async () => {
      rung = false
      if (!running) return
      clearTimeout(timer)
      await drain().catch(error => log.error('publication-worker', {}, error)) // the database, most likely: the sweep comes back
      if (running) timer = setTimeout(wake, timing.sweep)
    })
  }

  return {
    ring: wake,
    drain,
    start() {
      running = true
      wake()
    },
    async stop() {
      stopping = true
      running = false
      clearTimeout(timer)
      await working
    },
  }
}
