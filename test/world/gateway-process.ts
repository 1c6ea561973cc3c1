import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compiled } from '../../config/paths.ts'

/** Lines of its log: enough for what it says when it refuses to start. */
const LAST_WORDS = 10

/** A running `pli serve`. */
export interface GatewayProcess {
  readonly pid: number
  /** Resolves when it has ended, however it did. */
  readonly ended: Promise<void>
  /** Asks it to end and waits. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

/** Starts `pli serve` and waits until it says that it is ready. @throws with its own words when it ends before */
export async function startProcess(
  files: { folder: string; configuration: string },
  env: Record<string, string> = {},
): Promise<GatewayProcess> {
  const log = openSync(join(files.folder, 'gateway.log'), 'a', 0o600)
  const child = spawn(process.execPath, [compiled('gateway/cli/pli'), 'serve', '--attached', '-c', files.configuration], {
    stdio: ['pipe', 'pipe', log], // its standard input ends when we do, and so does it
    env: { ...process.env, ...env },
  })
  const ended = once(child, 'exit').then(() => {})
  await ready(child, files.folder)
  return {
    pid: child.pid ?? 0,
    ended,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function ready(child: ChildProcess, folder: string): Promise<void> {
  if (!child.stdout) throw new Error('no standard output')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ready')) return
  }
  const log = join(folder, 'gateway.log')
  const words = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-LAST_WORDS)
  throw new Error([`the gateway ended before it was ready; the last lines of ${log}:`, ...words].join('\n'))
}
