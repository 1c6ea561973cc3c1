import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../config/paths.ts'

/** The part of a V8 CPU profile that is read here: one sample points at a node, and lasts a time in microseconds. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

const THREADS_SHOWN = 4
const FUNCTIONS_SHOWN = 25
/** Where a thread waits for work. */
const WAITING = /^\((idle|program)\)|^atomicsWaitLoop/

/** @returns the busiest threads of a folder of profiles (one each), and the functions that used most of their time themselves */
export function summarise(folder: string): string {
  const threads = readdirSync(folder)
    .filter(name => name.endsWith('.cpuprofile'))
    .map(name => ({ name, spent: timeByFunction(JSON.parse(readFileSync(join(folder, name), 'utf8'))) }))
    .map(thread => ({ ...thread, busy: sum([...thread.spent].filter(([name]) => !WAITING.test(name)).map(([, micros]) => micros)) }))
    .sort((a, b) => b.busy - a.busy)
  const shown = threads.slice(0, THREADS_SHOWN).map(({ name, busy, spent }) => `${name}: busy ${seconds(busy)} s\n${hottest(spent)}`)
  const others = threads.slice(THREADS_SHOWN)
  return [...shown, `${others.length} other threads: busy ${seconds(sum(others.map(thread => thread.busy)))} s`].join('\n\n')
}

function timeByFunction({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const spent = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id)!
    spent.set(name, (spent.get(name) ?? 0) + timeDeltas[index]!)
  }
  return spent
}

function hottest(spent: Map<string, number>): string {
  const total = sum([...spent.values()])
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, FUNCTIONS_SHOWN)
    .map(([name, micros]) => `${((100 * micros) / total).toFixed(1).padStart(6)} %  ${name}`)
    .join('\n')
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function seconds(micros: number): string {
  return (micros / 1e6).toFixed(1)
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(`file://${packageRoot}/`, '')
  return `${functionName || '(anonymous)'}${file ? `  ${file}:${lineNumber + 1}` : ''}`
}
