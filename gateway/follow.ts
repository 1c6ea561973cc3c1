import { statSync } from 'node:fs'

/**
 * @param changed called when one of the files has changed since the last call; a file that is away for a moment (it is being replaced) changes
 *   nothing yet
 * @returns what looks at the files
 */
export function follow(files: readonly string[], changed: () => void): () => void {
  let known = stampOf(files)
  return () => {
    const current = stampOf(files)
    if (current === undefined || current === known) return
    known = current
    changed()
  }
}

/** @returns a text that is another one when a file was written or replaced; undefined while one of them is away */
export function stampOf(files: readonly string[]): string | undefined {
  const facts = files.map(file => statSync(file, { bigint: true, throwIfNoEntry: false }))
  return facts.some(fact => fact === undefined) ? undefined : facts.map(fact => `${fact?.ino} ${fact?.size} ${fact?.mtimeNs}`).join()
}
