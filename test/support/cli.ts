import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { compiled } from '../../config/paths.ts'

const PLI = compiled('gateway/cli/pli')

export interface CliResult {
  status: number
  stdout: string
  stderr: string
}

/** Runs `pli` as a user does and waits until it ends, for a minute at most. */
export function pli(...args: string[]): Promise<CliResult> {
  return pliWith({}, ...args)
}

/** @param env added to ours */
export function pliWith(env: Record<string, string>, ...args: string[]): Promise<CliResult> {
  return run(process.execPath, [PLI, ...args], env)
}

/** Runs a program and waits until it ends, for a minute at most: then it is killed. */
export function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const options = { encoding: 'utf8' as const, timeout: 60_000, maxBuffer: 1 << 28, env: { ...process.env, ...env } }
  return new Promise(resolve => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const status = error ? (typeof error.code === 'number' ? error.code : -1) : 0
      resolve({ status, stdout, stderr })
    })
  })
}

/** What the `ready` line of `pli local --json` says, as far as tests use it. */
export interface Ready {
  ca: string
  operators: {
    name: string
    domain: string
    host: string
    hostname: string
    ports: { submission: number; submissions: number; reception: number }
    configuration: string
    data: string
    log: string
    maildirs: string
    mailboxKey: string
  }[]
  accounts: Record<'sender' | 'published' | 'recipient' | 'service', { operator: string; address: string; name: string; password: string }>
  dmp: { url: string; log: string }
}

/** A running `pli local`, ended with a signal. */
export interface LocalSpace extends AsyncDisposable {
  ready: Ready
}

/**
 * Starts `pli local --json` and waits for its `ready` line.
 * @param folder where it keeps everything
 * @throws with its own words when it ends before
 */
export async function startLocal(folder: string): Promise<LocalSpace> {
  const child = spawn(process.execPath, [PLI, 'local', '--json', '--dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  let words = ''
  child.stderr.on('data', chunk => {
    words += chunk
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as Ready & { ready?: boolean }
    if (said.ready) return { ready: said, [Symbol.asyncDispose]: stop }
  }
  throw new Error(`pli local ended before it was ready: ${words}`)
}
