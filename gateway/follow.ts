import { statSync } from 'node:fs'

/**
 * @param changed called when one of the files has changed since the last call; a file that is away for a moment (it is being replaced) changes
 *   nothing yet
 * @returns what looks at the files
 */
export function follow(files: readonly string[], changed: () => void): () => void {
  const stamp = () => {
    const facts = files.map(file => statSync(file, { bigint: true, throwIfNoEntry: false }))
    return facts.some(fact => fact === undefined) ? undefined : facts.map(fact => `${fact?.ino} ${fact?.size} ${fact?.mtimeNs}`).join()
  }
  let known = stamp()
  return () => {
    const current = stamp()
    if (current === undefined || current === known) return
    known = current
    changed()
  }
}
