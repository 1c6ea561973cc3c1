/** Work in the background, one piece at a time, that nobody waits for. */
export interface Errands {
  /** Aborted by `stop`: what is under way breaks off. */
  readonly signal: AbortSignal
  /** Begins it, unless one is under way or we have stopped. Never waits. */
  run(work: () => Promise<void>): void
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  stop(): Promise<void>
}

/** @param onFault told when a piece of work throws */
export function openErrands(onFault: (error: unknown) => void): Errands {
  const cancel = new AbortController()
  let running: Promise<void> | undefined
  return {
    signal: cancel.signal,
    run(work) {
      if (running || cancel.signal.aborted) return
      running = work()
        .catch(onFault)
        .finally(() => {
          running = undefined
        })
    },
    idle: async () => running,
    async stop() {
      cancel.abort()
      await running
    },
  }
}
