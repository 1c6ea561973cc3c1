import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * Resolves when something listens on a port of the loopback.
 * @param ended settles when the process that should listen has ended
 * @throws when it has ended, or after 60 seconds
 */
export async function untilListening(port: number, ended: Promise<unknown>): Promise<void> {
  const gone = { now: false }
  ended.finally(() => {
    gone.now = true
  })
  for (let attempt = 0; attempt < 600 && !gone.now; attempt++) {
    if (await canConnect(port)) return
    await wait(100)
  }
  throw new Error(gone.now ? `the server of port ${port} ended while it started` : `nobody listens on port ${port}`)
}

function canConnect(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
