import { chownSync, readFileSync, rmSync, statSync } from 'node:fs'
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
  for (;;) {
    if (isLeftBehind(file)) rmSync(file, { force: true })
    try {
      using lock = freshFile(file)
      lock.write(`${process.pid}:${hostname()}`)
      const { uid, gid } = statSync(maildir)
      if (process.geteuid?.() === 0) chownSync(file, uid, gid) // left behind by us, Dovecot must be able to read it
      return work()
    } catch (error) {
      const { code, path } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST' || path !== file) throw error
    }
    if (performance.now() >= end) return undefined
    await pause(LOOK_AGAIN_MS)
  }
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
