import { randomUUID } from 'node:crypto'
import { chownSync, linkSync, lstatSync, readFileSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freshFile } from '../../config/index.ts'

const LOOK_AGAIN_MS = 25

/**
 * Holds Dovecot's own lock of a Maildir (`dovecot-uidlist.lock`, with `pid:host` in it): meanwhile Dovecot gives no flag, and moves and removes
 * no letter there.
 * @param patience milliseconds to wait while somebody else holds it
 * @param work short: who reads his mail waits for it
 * @returns what `work` returns; undefined when the lock could not be had
 */
export async function withMaildirLock<T>(maildir: string, patience: number, work: () => T): Promise<T | undefined> {
  const file = join(maildir, 'dovecot-uidlist.lock')
  const end = performance.now() + patience
  // It appears whole and Dovecot's own: one that Dovecot can't open fails what its reader asks, and an empty one that we left behind holds everybody up.
  const aside = join(maildir, 'tmp', `${Math.floor(Date.now() / 1000)}.${randomUUID()}.lock`)
  using lock = freshFile(aside)
  lock.write(`${process.pid}:${hostname()}`)
  const { uid, gid } = statSync(maildir)
  if (process.geteuid?.() === 0) chownSync(aside, uid, gid)
  for (;;) {
    if (isLeftBehind(file)) rmSync(file, { force: true })
    if (isLinked(aside, file)) {
      try {
        return work()
      } finally {
        if (isSame(aside, file)) rmSync(file, { force: true }) // while we were stopped for minutes somebody may have taken it from us
      }
    }
    if (performance.now() >= end) return undefined
    await pause(LOOK_AGAIN_MS)
  }
}

function isLinked(aside: string, file: string): boolean {
  try {
    linkSync(aside, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isSame(aside: string, file: string): boolean {
  const [ours, there] = [aside, file].map(path => lstatSync(path, { bigint: true, throwIfNoEntry: false }))
  return ours !== undefined && ours.dev === there?.dev && ours.ino === there.ino
}

/** Of a process of this machine that has ended; Dovecot sees it the same way. */
function isLeftBehind(file: string): boolean {
  const [, pid, host] = /^(\d{1,10}):(.+)$/.exec(contentOf(file)) ?? []
  if (pid === undefined || host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
