import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A Redis of Debian on a loopback port, which keeps nothing. */
export interface RedisServer extends AsyncDisposable {
  url: string
  stop(): Promise<void>
}

export async function startRedis(port: number): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'pli-redis-'))
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  const words: string[] = []
  for await (const line of createInterface({ input: server.stdout })) {
    words.push(line)
    if (line.includes('Ready to accept connections')) break
  }
  if (!words.at(-1)?.includes('Ready')) throw new Error(['redis-server ended before it was ready:', ...words.slice(-10)].join('\n'))
  server.stdout.resume()
  const stop = async () => {
    server.kill('SIGTERM')
    await ended
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
