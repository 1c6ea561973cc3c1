import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contender } from './contender.ts'
import { type Cost, costOf, machineSeconds } from './cost.ts'
import type { Ground } from './ground.ts'
import { type Load, type Sink, startLoad, startSink } from './processes.ts'

export interface Plan {
  /** Length of a message on the wire. */
  bytes: number
  /** Load before anything is measured: a server that has just started is not what an operator runs. */
  warmUpSeconds: number
  seconds: number
}

/** What one run showed. Rates are messages a second. */
export interface Figures {
  /** 250 answered while the load ran. */
  accepted: number
  /** New messages at the sink, from the same start until the last accepted one arrived: the rate the server can keep for ever. */
  delivered: number
  /** New messages at the sink while the load ran. */
  deliveredUnderLoad: number
  /** Cores that the load generator, the sink and the bench itself used. */
  bench: number
  /** Cores that everything else on the machine used: the more, the less these figures say. */
  others: number
  /** CPU seconds of the server's processes for each message delivered. */
  cpuPerMessage: number
  /** Peak memory of the server's processes, bytes (PSS). */
  memory: number
  processes: number
  /** Accepted, yet not at the sink when it had been quiet for 15 seconds. */
  missing: number
  /** Delivered more than once. */
  doubles: number
  refused: number
  trouble?: string
}

const QUIET_MS = 15_000

/**
 * One server, one size: starts it afresh, loads it, waits until the sink has everything, stops it.
 * @param interruption when it rejects the run ends early, and the server is stopped all the same
 */
export async function measure(contender: Contender, ground: Ground, plan: Plan, interruption: Promise<never>): Promise<Figures> {
  const folder = join(ground.folder, 'run')
  mkdirSync(folder, { mode: 0o755 })
  const sink = await startSink({ certificate: ground.sink.full, key: ground.sink.key, ca: ground.ca })
  try {
    const server = await contender.start({ folder, sinkPort: sink.port })
    try {
      const { senders, recipients, ca } = ground
      const load = await startLoad({ port: server.port, ca, bytes: plan.bytes, senders, recipients })
      const figures = await Promise.race([observe(server.pid, load, sink, plan), interruption])
      if (figures.trouble) console.error(`${figures.trouble}\n${tail(server.log)}`)
      return figures
    } finally {
      await server.stop()
    }
  } finally {
    sink.stop()
    rmSync(folder, { recursive: true })
  }
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-12).join('\n')
}

async function observe(pid: number, load: Load, sink: Sink, plan: Plan): Promise<Figures> {
  load.start()
  await wait(plan.warmUpSeconds * 1000)
  const watch = watchCost(pid)
  const begin = await instant(load, sink, pid)
  await wait(plan.seconds * 1000)
  const end = await instant(load, sink, pid)
  const total = await load.stop()
  const last = await untilArrived(sink, total.accepted)
  const spent = difference(begin.cpu, cpuNow(pid))
  const arrived = last.distinct - begin.sink.distinct
  return {
    accepted: (end.load.accepted - begin.load.accepted) / seconds(begin.at, end.at),
    delivered: arrived / seconds(begin.at, last.lastAt),
    deliveredUnderLoad: (end.sink.distinct - begin.sink.distinct) / seconds(begin.at, end.at),
    cpuPerMessage: spent.server / arrived,
    bench: spent.bench / seconds(begin.at, Date.now()),
    others: (spent.machine - spent.server - spent.bench) / seconds(begin.at, Date.now()),
    ...watch.stop(),
    missing: total.accepted - last.distinct,
    doubles: last.delivered - last.distinct,
    refused: total.refused,
    ...(total.trouble ? { trouble: total.trouble } : {}),
  }
}

async function instant(load: Load, sink: Sink, pid: number) {
  const [loadStats, sinkStats] = await Promise.all([load.stats(), sink.stats()])
  return { load: loadStats, sink: sinkStats, cpu: cpuNow(pid), at: Date.now() }
}

/** CPU seconds until now. */
function cpuNow(pid: number) {
  const server = costOf(pid).cpuSeconds
  // The server is a descendant of the bench, and so are the load generator and the sink.
  return { server, bench: costOf(process.pid).cpuSeconds - server, machine: machineSeconds() }
}

function difference<T extends Record<string, number>>(from: T, to: T): T {
  return Object.fromEntries(Object.entries(to).map(([key, value]) => [key, value - from[key]!])) as T
}

async function untilArrived(sink: Sink, accepted: number) {
  for (;;) {
    const stats = await sink.stats()
    if (stats.distinct >= accepted || Date.now() - stats.lastAt > QUIET_MS) return stats
    await wait(100)
  }
}

/** Looks at the memory every second, for the peak. */
function watchCost(pid: number) {
  const peak = { memory: 0, processes: 0 }
  const look = () => {
    const cost: Cost = costOf(pid)
    peak.memory = Math.max(peak.memory, cost.memory)
    peak.processes = Math.max(peak.processes, cost.processes)
  }
  look()
  const timer = setInterval(look, 1000)
  return {
    stop() {
      clearInterval(timer)
      return peak
    },
  }
}

function seconds(from: number, to: number): number {
  return (to - from) / 1000
}
