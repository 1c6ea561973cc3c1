import type { Log } from '../config/index.ts'
import { isOld, nextUpdateAt, type UpdateResult, type UpdateState, type WhiteList, WhiteListFault } from '../directory/index.ts'
import { openErrands } from './errands.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

export interface KeeperOptions {
  list: Pick<WhiteList, 'generatedAt'> & { refresh(): Promise<boolean> }
  /** Fetches the list; absent when somebody else puts it there. */
  update?: ((signal: AbortSignal) => Promise<UpdateResult>) | undefined
  /** What the last download left behind, ours or another process's. */
  lastUpdate(): Promise<UpdateState | undefined>
  /** Told how each download ended. */
  onOutcome(fault: WhiteListFault | undefined): void
  /** Milliseconds between two downloads. */
  refresh: number
  /** Milliseconds after which a list is called old. */
  maxAge: number
  now(): number
  log: Log
}

export interface WhiteListKeeper {
  /** Called now and then: starts a download when one is due, and says once a day that the list is old. Never waits. */
  tick(): void
  /** Resolves when no download is under way: for tests, and for whoever wants its outcome. */
  idle(): Promise<void>
  stop(): Promise<void>
}

/** Keeps the list in use fresh, by schedule. A download that fails changes nothing: the list in use stays, and its age is told. */
export function openWhiteListKeeper(options: KeeperOptions): WhiteListKeeper {
  const { list, update, lastUpdate, onOutcome, refresh, maxAge, now, log } = options
  const errands = openErrands(error => log.error('white-list-update-failed', { reason: 'internal' }, error))
  let dueAt = Number.NEGATIVE_INFINITY
  let toldAt = Number.NEGATIVE_INFINITY

  function alarm(): void {
    if (!isOld(list, maxAge, now()) || Math.abs(now() - toldAt) < DAY) return
    toldAt = now()
    const days = Math.floor((now() - list.generatedAt.getTime()) / DAY)
    log.warn('white-list-old', { generated: list.generatedAt.toISOString(), days })
  }

  async function updateIfDue(fetch: (signal: AbortSignal) => Promise<UpdateResult>): Promise<void> {
    dueAt = nextUpdateAt(await lastUpdate(), refresh, now())
    if (now() < dueAt) return
    try {
      const result = await fetch(errands.signal)
      log.info(
        `white-list-${result.kind}`,
        result.kind === 'updated' ? { entries: result.entries, generated: result.generatedAt.toISOString() } : {},
      )
      if (result.kind === 'updated') await list.refresh()
      onOutcome(undefined)
    } catch (error) {
      if (errands.signal.aborted) return
      if (!(error instanceof WhiteListFault)) throw error
      log.error('white-list-update-failed', { reason: error.reason, detail: error.detail })
      onOutcome(error)
    }
    // What was asked may not have been written down (a full disk): the publisher is not asked at every look for that.
    dueAt = Math.max(nextUpdateAt(await lastUpdate(), refresh, now()), now() + Math.min(HOUR, refresh))
  }

  /** Later than a whole interval from now is no plan of ours: the clock was set back. */
  function isWaiting(): boolean {
    return now() < dueAt && dueAt <= now() + refresh
  }

  return {
    tick() {
      alarm()
      if (update && !isWaiting()) errands.run(() => updateIfDue(update))
    },
    idle: errands.idle,
    stop: errands.stop,
  }
}
