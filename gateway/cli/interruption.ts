const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * What must not be cut off in the middle: the first signal to end (Ctrl-C, or a terminal that is gone) aborts it, so that it ends well by
 * itself; the second one ends the process.
 * @param work yields to the event loop now and then, or no signal is seen
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const onSignal = () => {
    remove()
    stop.abort(new Error('interrupted'))
  }
  const remove = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  try {
    return await work(stop.signal)
  } finally {
    remove()
  }
}
