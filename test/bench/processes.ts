import { type ChildProcess, fork } from 'node:child_process'
import { compiled } from '../../config/paths.ts'
import type { LoadOptions, LoadReply, LoadStats } from './load.ts'
import type { SinkOptions, SinkReply, SinkStats } from './sink.ts'

export interface Load {
  start(): void
  stats(): Promise<LoadStats>
  /** Resolves when every message begun has its answer; the process ends. */
  stop(): Promise<LoadStats>
}

export interface Sink {
  readonly port: number
  stats(): Promise<SinkStats>
  stop(): void
}

/** Forks the load generator; resolves when its connections stand, authenticated. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const child = fork(compiled('test/bench/load'), [JSON.stringify(options)])
  await reply<LoadReply>(child)
  const ask = async (command: 'stats' | 'stop') => {
    tell(child, command)
    return (await reply<LoadReply>(child)).stats
  }
  return { start: () => tell(child, 'start'), stats: () => ask('stats'), stop: () => ask('stop') }
}

export async function startSink(options: SinkOptions): Promise<Sink> {
  const child = fork(compiled('test/bench/sink'), [JSON.stringify(options)])
  const { port } = (await reply<SinkReply>(child)) as { port: number }
  const stats = async () => {
    tell(child, 'stats')
    return reply<SinkStats>(child)
  }
  return { port, stats, stop: () => child.kill() }
}

function reply<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error(`${child.spawnargs[1]} ended unexpectedly`))
    if (!child.connected) return gone()
    child.once('exit', gone)
    child.once('message', message => {
      child.off('exit', gone)
      resolve(message as T)
    })
  })
}

/** A child that has ended is noticed by the reply that does not come. */
function tell(child: ChildProcess, command: string): void {
  child.send(command, () => undefined)
}
