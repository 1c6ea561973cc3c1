/** So many at once, the others in the order in which they came; who waits too long gets none. */
export interface Places {
  /** @returns what gives the place back; undefined when none was free in that time (milliseconds) */
  take(patience: number): Promise<(() => void) | undefined>
}

export function openPlaces(count: number): Places {
  let free = count
  const waiting = new Set<() => void>()

  const release = () => {
    free += 1
    const [next] = waiting
    if (!next) return
    waiting.delete(next)
    next()
  }
  /** A place is given back once, however often that is said. */
  const taken = () => {
    free -= 1
    let isMine = true
    return () => {
      if (isMine) release()
      isMine = false
    }
  }

  return {
    take(patience) {
      if (free > 0) return Promise.resolve(taken())
      return new Promise(resolve => {
        const next = () => {
          clearTimeout(late)
          resolve(taken())
        }
        const late = setTimeout(() => {
          waiting.delete(next)
          resolve(undefined)
        }, patience)
        waiting.add(next)
      })
    },
  }
}
