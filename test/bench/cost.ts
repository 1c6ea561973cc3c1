import { readdirSync, readFileSync } from 'node:fs'

/** What the processes of a server have used. Kernel threads that write to disk for it are counted for nobody. */
export interface Cost {
  /** CPU seconds, user and system, of every process of the tree, those that have ended included. */
  cpuSeconds: number
  /** Memory in bytes, shared pages divided among the processes that share them (PSS), so that many small processes are not wronged. */
  memory: number
  processes: number
}

/** USER_HZ: the kernel shows times in hundredths of a second on every platform that Node runs on. */
const TICKS_PER_SECOND = 100

/** @param root process id of the server; its descendants count too */
export function costOf(root: number): Cost {
  const tree = descendants(root)
  // cutime and cstime hold the children that have ended and were waited for, so nothing is lost when a worker leaves.
  const ticks = tree.reduce((sum, stat) => sum + stat.utime + stat.stime + stat.cutime + stat.cstime, 0)
  return { cpuSeconds: ticks / TICKS_PER_SECOND, memory: tree.reduce((sum, stat) => sum + memoryOf(stat.pid), 0), processes: tree.length }
}

/** @returns CPU seconds spent by the whole machine since it started, waiting left out (proc(5): user, nice, system, idle, iowait, irq, softirq, steal) */
export function machineSeconds(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
  return ticks.reduce((sum, value, index) => (index === 3 || index === 4 ? sum : sum + value), 0) / TICKS_PER_SECOND
}

interface Stat {
  pid: number
  parent: number
  utime: number
  stime: number
  cutime: number
  cstime: number
}

function descendants(root: number): Stat[] {
  const all = readdirSync('/proc').filter(isNumber).flatMap(readStat)
  const found = all.filter(stat => stat.pid === root)
  for (const stat of found) found.push(...all.filter(other => other.parent === stat.pid))
  return found
}

/** proc(5): the command name, in parentheses, may hold spaces; the fields are counted after it. */
function readStat(pid: string): Stat[] {
  const line = readOrEmpty(`/proc/${pid}/stat`)
  if (!line) return []
  const fields = line
    .slice(line.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  return [{ pid: Number(pid), parent: fields[1]!, utime: fields[11]!, stime: fields[12]!, cutime: fields[13]!, cstime: fields[14]! }]
}

function memoryOf(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1]
  return Number(kilobytes ?? 0) * 1024
}

/** A process may end while its files are read. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name)
}
