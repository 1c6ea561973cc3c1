import type { AddressInfo, Server } from 'node:net'

export interface Bind {
  host: string
  port: number
  /** What the configuration calls it, e.g. `listen.reception`. */
  place: string
}

const WHY: Record<string, string> = {
  EADDRINUSE: 'another program has it already',
  EACCES: 'ports below 1024 need the right to bind them: CAP_NET_BIND_SERVICE, or forward them',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'that name has no address',
}

/**
 * Makes a server listen.
 * @returns the port, which the system has chosen when 0 was asked for
 * @throws Error with a sentence for the operator, which names place, address, port and why they can't be had
 */
export async function bind(server: Server, { host, port, place }: Bind): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const { code = error.name } = error
      reject(
        new Error(`${place}: cannot listen at ${host}, port ${port}: ${WHY[code] ?? 'the system refuses it'} (${code})`, { cause: error }),
      )
    }
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      resolve()
    })
  })
  return (server.address() as AddressInfo).port
}
