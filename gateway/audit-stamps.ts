import type { Configuration, Database, Log } from '../config/index.ts'
import { openCheckpointStamps } from '../crypto/index.ts'
import { openErrands } from './errands.ts'
import { stampOf } from './time-stamp.ts'

const DAY = 86_400_000

/** Has one checkpoint a day stamped by the time-stamp authority, where one is configured. */
export interface AuditStamps {
  /** To be called when a checkpoint was made: asks when its day has no stamp yet. Never waits, so an authority that is away stops nothing. */
  ask(): void
  /** Resolves when nothing is asked. */
  idle(): Promise<void>
  /** Breaks off what is being asked: the next checkpoint asks again. */
  stop(): Promise<void>
}

/** @param options.now milliseconds */
export function openAuditStamps(options: {
  db: Database
  authority: Configuration['timeStamp']
  now(): number
  log: Pick<Log, 'info' | 'warn' | 'error'>
}): AuditStamps {
  const { db, authority, now, log } = options
  const stamps = openCheckpointStamps(db)
  const errands = openErrands(error => log.error('audit-fault', {}, error))
  let failedFirst: number | undefined
  let told = { reason: '', at: 0 }

  async function askNow(settings: NonNullable<typeof authority>): Promise<void> {
    const due = await stamps.due()
    if (!due) return
    const stamp = await stampOf(due.digest, settings, now, errands.signal).catch(alarm)
    if (!stamp) return
    if (!due.isTimely(stamp.at)) return alarm(new Error('the time stamp came too late for its checkpoint'))
    await stamps.keep(due.number, stamp.token)
    failedFirst = undefined
    told = { reason: '', at: 0 }
    log.info('audit-stamped', { number: due.number, at: stamp.at.toISOString(), authority: stamp.authority })
  }

  /** Once a day, and when the reason is another. */
  async function alarm(error: Error): Promise<undefined> {
    if (errands.signal.aborted) return
    failedFirst ??= now()
    const since = (await stamps.missingSince()) ?? failedFirst
    if (error.message === told.reason && Math.abs(now() - told.at) < DAY) return
    told = { reason: error.message, at: now() }
    log.warn('audit-unstamped', { since: new Date(since).toISOString(), reason: error.message })
  }

  return {
    ask() {
      if (authority) errands.run(() => askNow(authority))
    },
    idle: errands.idle,
    stop: errands.stop,
  }
}
