import type { Log } from '../../config/index.ts'
import type { ListDates, ListFacts } from '../../crypto/index.ts'
import { ListFault, type ListSource } from './list-source.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** A list is asked for four times in its life, and four times a day: authorities publish one long before the last one ends. */
const PARTS = 4
const LONGEST_WAIT = 6 * HOUR
/** Once it should have been replaced. */
const LATE_WAIT = 15 * MINUTE
const FIRST_RETRY = MINUTE
const LAST_RETRY = HOUR

export interface ListKeeperOptions {
  sources: readonly ListSource[]
  /** The complete lists in use, fetched or not: an alarm comes before one of them ends. */
  inUse(): ListDates[]
  /** Called when a list that is kept is another one. */
  onChange(): void
  /** milliseconds */
  now(): number
  log: Log
}

export interface ListKeeper {
  /** Called now and then: starts the downloads that are due, and says once a day which list ends soon. Never waits. */
  tick(): void
  /** Resolves when no download is under way. */
  idle(): Promise<void>
  stop(): Promise<void>
}

interface Following {
  source: ListSource
  list: ListFacts | undefined
  dueAt: number
  failures: number
  running: Promise<void> | undefined
}

/**
 * Keeps revocation lists fresh. Each is fetched long before it ends; a download that fails is tried again, more and more seldom, and the last good copy
 * serves until its own end. Nothing is kept that was not verified, and no list gives way to an older one.
 */
export function openListKeeper({ sources, inUse, onChange, now, log }: ListKeeperOptions): ListKeeper {
  const cancel = new AbortController()
  const followed: Following[] = sources.map(source => ({ source, list: undefined, dueAt: 0, failures: 0, running: undefined }))
  const told = new Map<string, number>()

  async function update(following: Following): Promise<void> {
    const { source } = following
    try {
      await noticeKept(following) // another process may have fetched it
      if (isWaiting(following)) return
      const fresh = await source.update(now(), cancel.signal)
      following.failures = 0
      following.list = fresh ?? following.list
      following.dueAt = now() + waitAfter(following.list)
      if (fresh) changed(fresh)
    } catch (error) {
      if (cancel.signal.aborted) return
      following.failures += 1
      following.dueAt = now() + Math.min(FIRST_RETRY * 2 ** (following.failures - 1), LAST_RETRY)
      const isFault = error instanceof ListFault
      const { reason, message: detail } = isFault ? error : { reason: 'internal', message: undefined }
      const until = following.list?.nextUpdate.toISOString()
      log.error('revocation-list-failed', { url: source.url, kind: source.kind, reason, detail, until }, isFault ? undefined : error)
    }
  }

  /** At the start, and when another process was faster, the copy on the disk is as good as a download. */
  async function noticeKept(following: Following): Promise<void> {
    const kept = await following.source.kept()
    if (!kept || kept.der.equals(following.list?.der ?? Buffer.alloc(0))) return
    const isFirstLook = following.list === undefined
    following.list = kept
    if (isFirstLook) return // it is asked whether there is another one now
    following.dueAt = now() + waitAfter(kept)
    onChange()
  }

  function changed({ authority, kind, entries, number, nextUpdate }: ListFacts): void {
    const until = nextUpdate.toISOString()
    log.info('revocation-list-updated', { authority, kind, entries, number: number?.toString(), until })
    onChange()
  }

  function waitAfter(list: ListFacts | undefined): number {
    if (!list || now() >= list.endsSoonAt.getTime()) return LATE_WAIT
    return Math.min((list.nextUpdate.getTime() - list.thisUpdate.getTime()) / PARTS, LONGEST_WAIT)
  }

  /** Later than the longest wait is no plan of ours: the clock was set back. */
  function isWaiting({ dueAt }: Following): boolean {
    return now() < dueAt && dueAt <= now() + LONGEST_WAIT
  }

  function alarm({ authority, nextUpdate, endsSoonAt }: ListDates): void {
    if (!nextUpdate || !endsSoonAt || now() < endsSoonAt.getTime()) return
    const last = told.get(authority)
    if (last !== undefined && Math.abs(now() - last) < DAY) return
    told.set(authority, now())
    const left = nextUpdate.getTime() - now()
    log[left > 0 ? 'warn' : 'error']('revocation-list-ends-soon', {
      authority,
      until: nextUpdate.toISOString(),
      hours: Math.floor(left / HOUR),
    })
  }

  return {
    tick() {
      for (const dates of inUse()) alarm(dates)
      for (const following of followed) {
        if (following.running || isWaiting(following)) continue
        following.running = update(following).finally(() => {
          following.running = undefined
        })
      }
    },
    idle: async () => void (await Promise.all(followed.map(({ running }) => running))),
    async stop() {
      cancel.abort()
      await Promise.all(followed.map(({ running }) => running))
    },
  }
}
