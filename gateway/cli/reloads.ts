/** Who told us to read our files again, and what is done about it. */
export interface Reloads {
  /** From now on each signal is obeyed at once; one that came before is, now. */
  begin(work: () => void): void
}

/**
 * Takes SIGHUP from this moment on: it ends a process that has no listener, and whoever renews a certificate sends it without knowing whether we have
 * started. Files that were read before it came are others by now, so it is kept until there is something that can read them again.
 */
export function holdReloads(): Reloads {
  let isAsked = false
  let reload = () => {
    isAsked = true
  }
  process.on('SIGHUP', () => reload())
  return {
    begin(work) {
      reload = work
      if (isAsked) work()
    },
  }
}
