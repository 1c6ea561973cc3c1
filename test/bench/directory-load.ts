import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { compiled } from '../../config/paths.ts'
import type { Directory, ImportReport } from '../../directory/index.ts'
import { costOf } from './cost.ts'
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

export interface ImportCost {
  report: ImportReport
  cpuSeconds: number
  /** Highest resident set, bytes. */
  memory: number
}

/**
 * `pli directory import` in a process of its own, as an operator runs it.
 * @param more further arguments
 * @throws with its own words when it refuses
 */
export async function importAside(source: string, target: string, ...more: string[]): Promise<ImportCost> {
  const child = spawn(process.execPath, [compiled('gateway/cli/pli'), 'directory', 'import', source, target, '--json', ...more])
  const peak = { cpuSeconds: 0, memory: 0 }
  const watch = setInterval(() => {
    peak.cpuSeconds = Math.max(peak.cpuSeconds, costOf(child.pid!).cpuSeconds)
    peak.memory = Math.max(peak.memory, residentSet(child.pid!))
  }, 250)
  try {
    const [answer, words, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    if (status !== 0) throw new Error(words)
    return { report: JSON.parse(answer) as ImportReport, ...peak }
  } finally {
    clearInterval(watch)
  }
}

/** proc(5): VmHWM is the highest it ever was. */
function residentSet(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0 // it has just ended
  }
}
