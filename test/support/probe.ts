import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { compiled } from '../../config/paths.ts'
import type { Account } from '../world/index.ts'

export interface Waits {
  count: number
  /** Milliseconds. */
  median: number
  p90: number
  worst: number
}

/**
 * Measures how long another client waits for its replies while `work` goes on. The client is a thread: what the test itself
 * does costs it nothing.
 */
export async function waitsDuring(port: number, account: Account, work: () => Promise<unknown>): Promise<Waits> {
  const thread = new Worker(compiled('test/support/probe-thread'), { workerData: { port, account } })
  await once(thread, 'message')
  await work()
  const answer = once(thread, 'message')
  thread.postMessage('stop')
  const [waits] = (await answer) as [number[]]
  const sorted = waits.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.POSITIVE_INFINITY
  return { count: sorted.length, median: at(0.5), p90: at(0.9), worst: at(1) }
}
