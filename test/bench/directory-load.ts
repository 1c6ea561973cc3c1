import { execFile } from 'node:child_process'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { compiled } from '../../config/paths.ts'
import type { Directory, ImportReport } from '../../directory/index.ts'
import type { KnownBox } from './directory-extract.ts'

/** What a process that asks without a break has seen. */
export interface LoadFigures {
  finds: number
  searches: number
  /** Boxes that are in every edition and were not found, and errors. Must be 0. */
  failed: number
  /** Versions that answered, in their order. */
  versions: string[]
  /** Milliseconds of the slowest question: the one that opened the new snapshot, most likely. */
  slowest: number
}

/**
 * Asks for boxes that every edition has, by address and by words, until told to stop.
 * @param done ends the load when it settles
 */
export async function askUntil(done: Promise<unknown>, directory: Directory, boxes: readonly KnownBox[]): Promise<LoadFigures> {
  const figures: LoadFigures = { finds: 0, searches: 0, failed: 0, versions: [], slowest: 0 }
  let stopped = false
  const stop = () => {
    stopped = true
  }
  done.then(stop, stop)
  for (let at = 0; !stopped; at++) {
    const box = boxes[at % boxes.length] as KnownBox
    const before = performance.now()
    if (!isFound(directory, box, at % 10 === 0 ? 'search' : 'find')) figures.failed++
    figures.slowest = Math.max(figures.slowest, performance.now() - before)
    if (at % 10 === 0) figures.searches++
    else figures.finds++
    if (directory.version !== figures.versions.at(-1)) figures.versions.push(directory.version)
    if (at % 100 === 0) await turn() // whoever imports is another process, but its end must be heard
  }
  return figures
}

function isFound(directory: Directory, { address, lastName, firstName, town }: KnownBox, how: 'find' | 'search'): boolean {
  try {
    if (how === 'find') return directory.find(address)?.address === address
    return directory.search(`${town} ${firstName} ${lastName}`, { limit: 200 }).some(listing => listing.address === address)
  } catch {
    return false
  }
}

const run = promisify(execFile)

/** `pli directory import` in a process of its own, as an operator runs it. @throws when it refuses */
export async function importAside(source: string, target: string): Promise<ImportReport> {
  const { stdout } = await run(process.execPath, [compiled('gateway/cli/pli'), 'directory', 'import', source, target, '--json'])
  return JSON.parse(stdout) as ImportReport
}
