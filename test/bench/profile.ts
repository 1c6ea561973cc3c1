import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../config/paths.ts'

/** The part of a V8 CPU profile that is read here: one sample points at a node, and lasts a time in microseconds. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

const SHOWN = 25

/** @returns for each profile (a thread each) of a folder, the functions that used most CPU time themselves */
export function summarise(folder: string): string {
  const files = readdirSync(folder).filter(name => name.endsWith('.cpuprofile'))
  return files.map(name => `${name}\n${hottest(JSON.parse(readFileSync(join(folder, name), 'utf8')))}`).join('\n\n')
}

function hottest({ nodes, samples, timeDeltas }: CpuProfile): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const spent = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id)!
    spent.set(name, (spent.get(name) ?? 0) + timeDeltas[index]!)
  }
  const total = timeDeltas.reduce((sum, delta) => sum + delta, 0)
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, micros]) => `${((100 * micros) / total).toFixed(1).padStart(6)} %  ${name}`)
    .join('\n')
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(`file://${packageRoot}/`, '')
  return `${functionName || '(anonymous)'}${file ? `  ${file}:${lineNumber + 1}` : ''}`
}
