import type { Log } from '../config/index.ts'
import type { Audit, AuditEntry } from '../crypto/index.ts'

/** What happens without anybody's order, or at a stranger's, on its way into the audit log. It begins before there is a database. */
export interface AuditNotes {
  /** Notes what is news each time that it happens. */
  write(entry: AuditEntry): void
  /** Notes what holds from now on: the same as last time of this action and object is no news. */
  note(entry: AuditEntry): void
  /** Notes that something is right again; no news when nothing was refused. */
  over(entry: AuditEntry): void
  /** Notes what a stranger can do again and again: at once, then once in a window, with how many there were. The object is one of ours, never his word. */
  count(entry: AuditEntry): void
  /** From now on everything is written, first what has been noted already. */
  begin(audit: Pick<Audit, 'append'>): void
  /** Writes what waits, and the counts of windows that are over. What can't be written waits for the next time. */
  flush(): Promise<void>
  /** At a clean stop: writes as `flush`, and the counts of windows that go on. */
  end(): Promise<void>
}

export const COUNT_WINDOW_MS = 15 * 60_000
/** Beyond them, whoever else comes in a window is counted in one line for each thing of ours that he came with. */
export const MOST_COUNTED = 100

interface Counted {
  entry: AuditEntry
  since: number
  /** Not written yet. */
  more: number
}

/** @param options.now milliseconds */
export function openAuditNotes({ now, log }: { now(): number; log: Pick<Log, 'error'> }): AuditNotes {
  const last = new Map<string, AuditEntry>()
  const counted = new Map<string, Counted>()
  const waiting: AuditEntry[] = []
  let audit: Pick<Audit, 'append'> | undefined
  let running = Promise.resolve()
  let toldBefore = ''

  async function write(): Promise<void> {
    try {
      for (let [next] = waiting; audit && next; [next] = waiting) {
        await audit.append(next)
        waiting.shift()
      }
      toldBefore = ''
    } catch (error) {
      const { message } = error as Error
      if (message !== toldBefore) log.error('audit-fault', {}, error)
      toldBefore = message
    }
  }

  function flush(): Promise<void> {
    running = running.then(write)
    return running
  }

  function add(entry: AuditEntry): void {
    waiting.push(entry)
    void flush()
  }

  function note(entry: AuditEntry): void {
    const about = JSON.stringify([entry.action, entry.object])
    if (JSON.stringify(last.get(about)) === JSON.stringify(entry)) return
    last.set(about, entry)
    add(entry)
  }

  function endWindows(areAllOver = false): void {
    for (const [key, { entry, since, more }] of counted) {
      if (!areAllOver && Math.abs(now() - since) < COUNT_WINDOW_MS) continue // a clock may have been set back
      if (more === 0) counted.delete(key)
      else {
        counted.set(key, { entry, since: now(), more: 0 })
        add(withCount(entry, more))
      }
    }
  }

  return {
    write: add,
    note,
    over(entry) {
      if (last.get(JSON.stringify([entry.action, entry.object]))?.result === 'refused') note(entry)
    },
    count(entry) {
      endWindows()
      const isOneTooMany = counted.size >= MOST_COUNTED && !counted.has(JSON.stringify(entry))
      const shown = isOneTooMany ? { ...entry, by: 'network:others' } : entry
      const key = JSON.stringify(shown)
      const known = counted.get(key)
      if (known) {
        known.more++
        return
      }
      counted.set(key, { entry: shown, since: now(), more: 0 })
      add(withCount(shown, 1))
    },
    begin(opened) {
      audit = opened
      void flush()
    },
    flush() {
      endWindows()
      return flush()
    },
    end() {
      endWindows(true)
      return flush()
    },
  }
}

function withCount(entry: AuditEntry, count: number): AuditEntry {
  return { ...entry, detail: { ...entry.detail, count: String(count) } }
}
