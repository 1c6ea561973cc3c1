import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below those that Linux gives to connections and to `listen(0)` (32768 and more, `ip_local_port_range`): nobody is given
 * one of these between our look and the start of the server that it is for.
 */
const RANGE = { from: 20_000, count: 12_000 }
/** Workers of one test run that look at the same moment look at different ones. */
const WORKERS = 8
const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS

const given = new Set<number>()

/**
 * For servers that must be told their port, in a file or on a command line, before they start.
 * @returns as many ports of the loopback that nobody uses, none of them given out by this process before
 * @throws when no such port is left
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let attempt = 0; ports.length < count; attempt += 1) {
    if (attempt === RANGE.count) throw new Error('no port of the loopback is free')
    const port = RANGE.from + randomInt(RANGE.count / WORKERS) * WORKERS + worker
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    ports.push(port)
  }
  return ports
}

/** @returns one such port, see {@link freePorts} */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
