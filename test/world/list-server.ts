import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { freePort } from './ports.ts'

/** Publishes revocation lists over http, as an authority does, with ETags. */
export interface ListServer {
  readonly url: string
  /** path → list; replaced by whoever wants another one published */
  readonly lists: Map<string, Buffer>
  /** What was asked and answered: `GET /ca.crl 200`. */
  readonly requests: string[]
  /** Answers in place of the lists, while it is set. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  down(): Promise<void>
  /** The same port again. */
  up(): Promise<void>
}

export async function startListServer(): Promise<ListServer> {
  let server: Server | undefined
  const port = await freePort()
  const published: ListServer = {
    url: `http://127.0.0.1:${port}`,
    lists: new Map(),
    requests: [],
    instead: undefined,
    async down() {
      server?.closeAllConnections()
      server?.close()
      if (server) await once(server, 'close')
      server = undefined
    },
    async up() {
      server = createServer((request, response) => {
        response.on('finish', () => published.requests.push(`${request.method} ${request.url} ${response.statusCode}`))
        if (published.instead) return published.instead(request, response)
        const list = published.lists.get(request.url ?? '')
        if (!list) return void response.writeHead(404).end('not here')
        const etag = `"${createHash('sha256').update(list).digest('hex')}"`
        if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end()
        response.writeHead(200, { etag, 'content-type': 'application/pkix-crl' }).end(list)
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
  await published.up()
  return published
}
