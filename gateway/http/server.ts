import { createServer, type Server, type ServerOptions } from 'node:https'
import { createAdaptorServer } from '@hono/node-server'
import type { Log } from '../../config/index.ts'
import type { ServerTls } from '../../crypto/index.ts'
import { type Bind, bind } from '../bind.ts'

export interface HttpsOptions {
  listen: Bind
  /** crypto's serverTls. */
  tls: ServerTls
  fetch: (request: Request, env: never) => Response | Promise<Response>
  log: Log
}

export interface HttpsServer {
  readonly port: number
  /** New handshakes use these. */
  renew(tls: ServerTls): void
  /** Takes no new connection, ends what is under way. */
  close(): Promise<void>
}

const CONNECTIONS = 100
/** A call has this long to arrive whole; longer ones are not ours. */
const REQUEST_MS = 15_000
const HEADERS_MS = 5_000
const IDLE_MS = 5_000
/** How long a stop waits for calls that are under way. */
const ENDING_MS = 5_000

/** Listens over TLS only: there is no plain form of this server. @throws when the port can't be had */
export async function openHttps({ listen, tls, fetch, log }: HttpsOptions): Promise<HttpsServer> {
  const limits: ServerOptions = {
    requestTimeout: REQUEST_MS,
    headersTimeout: HEADERS_MS,
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: 8_192,
    handshakeTimeout: HEADERS_MS,
  }
  const server = createAdaptorServer({ fetch: fetch as never, createServer, serverOptions: { ...tls, ...limits } }) as Server
  server.maxConnections = CONNECTIONS
  const port = await bind(server, listen)
  // A connection that the system could not hand over is its own loss, never the process's.
  server.on('error', error =>
    log.warn('connection-error', { door: listen.place, code: (error as NodeJS.ErrnoException).code ?? error.name }),
  )
  return {
    port,
    renew: tls => server.setSecureContext(tls),
    close: () =>
      new Promise(resolve => {
        const late = setTimeout(() => server.closeAllConnections(), ENDING_MS)
        server.close(() => {
          clearTimeout(late)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}
