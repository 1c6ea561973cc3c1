import type { RedisBellOptions } from './redis-bell.ts'

/**
 * Says that there may be work. It carries nothing: the rows are the truth, so a lost ring costs time (the sweep comes anyway)
 * and never a document. That of several machines is BullMQ on Redis (`redis-bell.ts`).
 */
export interface Bell {
  ring(): void
  /** @returns how to stop listening */
  listen(wake: () => void): () => void
  close(): Promise<void>
}

/** The bell of one process. */
export function processBell(): Bell {
  const listeners = new Set<() => void>()
  return {
    ring: () => {
      for (const wake of listeners) wake()
    },
    listen: wake => {
      listeners.add(wake)
      return () => listeners.delete(wake)
    },
    close: async () => {},
  }
}

/** The bell of several machines (`redis-bell.ts`). BullMQ is loaded here and not before: most operators have one machine, and every command starts sooner. */
export async function openRedisBell(options: RedisBellOptions): Promise<Bell> {
  const { redisBell } = await import('./redis-bell.ts')
  return redisBell(options)
}
