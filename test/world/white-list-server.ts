import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Issued } from './pki.ts'

/** How a request goes wrong. */
export type WhiteListFailure =
  | { status: number }
  | { redirect: string }
  /** The connection ends in the middle of the list. */
  | 'cut'
  /** Not a word. */
  | 'silent'
  /** One octet after the other. */
  | 'drip'
  /** More and more of it, without a length. */
  | 'endless'

export interface WhiteListServer extends AsyncDisposable {
  /** `https://localhost:…/listeblanchemssante.xml` */
  readonly url: string
  /** Every request heard so far, oldest first. */
  readonly requests: readonly { path: string; headers: IncomingHttpHeaders; status: number }[]
  /** Serves this list from now on, under a new ETag, or the one given. @param options.validators false: without ETag and Last-Modified */
  publish(xml: string | Buffer, options?: { validators?: boolean; modifiedAt?: Date; etag?: string }): void
  /** What the next request gets in place of the list; for every request until `undefined` when `always`. */
  fail(failure: WhiteListFailure | undefined, options?: { always?: boolean }): void
  /** Another certificate for the handshakes to come. */
  show(certificate: Pick<Issued, 'certificatePem' | 'keyPem'>, chainPem?: string): void
  close(): Promise<void>
}

/** The publisher of the white list, as far as the wire shows him: HTTPS, ETag, Last-Modified, 304, and failures on command. */
export async function startWhiteListServer(options: {
  certificate: Pick<Issued, 'certificatePem' | 'keyPem'>
  chainPem: string
  port?: number
}): Promise<WhiteListServer> {
  const credentials = ({ certificatePem, keyPem }: Pick<Issued, 'certificatePem' | 'keyPem'>, chainPem: string) => ({
    cert: certificatePem + chainPem,
    key: keyPem,
  })
  const requests: { path: string; headers: IncomingHttpHeaders; status: number }[] = []
  let list: { bytes: Buffer; headers: Record<string, string> } = { bytes: Buffer.alloc(0), headers: {} }
  let failing: { failure: WhiteListFailure; always: boolean } | undefined

  const server = createServer(credentials(options.certificate, options.chainPem), (request, response) => {
    const failure = failing?.failure
    if (!failing?.always) failing = undefined
    const { etag } = list.headers
    const since = request.headers['if-modified-since']
    const isKnown =
      etag === undefined
        ? false
        : request.headers['if-none-match'] === etag || (!request.headers['if-none-match'] && since === list.headers['last-modified'])
    const status = statusOf(failure) ?? (isKnown ? 304 : 200)
    requests.push({ path: request.url ?? '', headers: request.headers, status })
    if (failure === 'silent') return
    if (failure !== undefined) return misbehave(response, failure, list.bytes)
    response.writeHead(status, {
      ...list.headers,
      ...(status === 200 ? { 'content-type': 'application/xml', 'content-length': list.bytes.length } : {}),
    })
    response.end(status === 200 ? list.bytes : undefined)
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }

  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/listeblanchemssante.xml`,
    requests,
    publish(xml, { validators = true, modifiedAt = new Date(), etag: given } = {}) {
      const bytes = Buffer.from(xml)
      const etag = given ?? `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`
      list = { bytes, headers: validators ? { etag, 'last-modified': modifiedAt.toUTCString() } : {} }
    },
    fail(failure, { always = false } = {}) {
      failing = failure === undefined ? undefined : { failure, always }
    },
    show: (certificate, chainPem = options.chainPem) => server.setSecureContext(credentials(certificate, chainPem)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function statusOf(failure: WhiteListFailure | undefined): number | undefined {
  if (typeof failure !== 'object') return failure === undefined ? undefined : 200
  return 'status' in failure ? failure.status : 302
}

function misbehave(response: ServerResponse, failure: Exclude<WhiteListFailure, 'silent'>, bytes: Buffer): void {
  if (typeof failure === 'object') {
    const status = 'status' in failure ? failure.status : 302
    response.writeHead(status, 'redirect' in failure ? { location: failure.redirect } : {}).end('no list here')
    return
  }
  response.on('error', () => {})
  if (failure === 'cut') {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    return
  }
  response.writeHead(200)
  const write = () => {
    if (response.destroyed) return
    if (failure === 'endless') response.write(Buffer.alloc(64 * 1024, ' '), write)
    else response.write(' ', () => setTimeout(write, 20))
  }
  write()
}
