/**
 * Says that there may be work. It carries nothing: the rows are the truth, so a lost ring costs time (the sweep comes anyway)
 * and never a document. The bell of several machines (BullMQ on Redis) will stand behind the same two methods.
 */
export interface Bell {
  ring(): void
  /** @returns how to stop listening */
  listen(wake: () => void): () => void
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
  }
}
