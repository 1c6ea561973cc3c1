import { Pool } from 'undici'
import { type Anchors, clientTls, connector, peerFaultOf } from '../crypto/index.ts'
import { MAX_BYTES } from './white-list.ts'
import { WhiteListFault } from './white-list-fault.ts'

/** What a server says of a version of the list, to ask later whether there is another (RFC 9110 §8.8). */
export interface Validators {
  etag?: string | undefined
  lastModified?: string | undefined
}

export type Answer = { kind: 'unchanged' } | ({ kind: 'list'; bytes: Buffer } & Validators)

export interface DownloadOptions {
  /** The only authorities that may have certified the server. */
  anchors: Anchors
  /** Those of the copy in place: without another version the server says so in a few octets. */
  known?: Validators
  /** Milliseconds for the whole exchange, redirections included; two minutes by default. */
  timeout?: number | undefined
  /** Octets; 64 MB by default, the real list weighs 3.7. */
  bytes?: number | undefined
  signal?: AbortSignal | undefined
}

const TIMEOUT = 120_000
const MOST_REDIRECTIONS = 3

/**
 * Asks for the list over HTTPS. A redirection is followed on the same host and port, over HTTPS, and nowhere else.
 * @throws WhiteListFault unreachable, too-slow, server-certificate, redirect, answer or too-large
 */
export async function downloadList(url: string, options: DownloadOptions): Promise<Answer> {
  const { origin } = httpsUrl(url)
  const { anchors, timeout = TIMEOUT, bytes = MAX_BYTES } = options
  const pool = new Pool(origin, {
    connections: 1,
    connect: connector(() => clientTls({ anchors, identifiedBy: 'name' }), timeout),
    headersTimeout: timeout,
    bodyTimeout: timeout,
    maxResponseSize: bytes,
  })
  const deadline = AbortSignal.timeout(timeout)
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline
  try {
    return await ask(pool, new URL(url), { known: options.known ?? {}, signal })
  } catch (error) {
    throw error instanceof WhiteListFault ? error : failure(error, anchors, deadline.aborted)
  } finally {
    await pool.destroy()
  }
}

function httpsUrl(text: string): URL {
  const url = new URL(text)
  if (url.protocol !== 'https:') throw new WhiteListFault('redirect', 'The white list is fetched over HTTPS only')
  return url
}

async function ask(pool: Pool, url: URL, { known, signal }: { known: Validators; signal: AbortSignal }): Promise<Answer> {
  let at = url
  for (let hop = 0; hop <= MOST_REDIRECTIONS; hop += 1) {
    const headers = conditions(known)
    const response = await pool.request({ method: 'GET', path: at.pathname + at.search, headers, signal })
    const { statusCode: status, body } = response
    const said = (name: string) => [response.headers[name]].flat()[0]
    if (status === 200 && /^(identity)?$/.test(said('content-encoding') ?? '')) {
      return { kind: 'list', bytes: Buffer.from(await body.arrayBuffer()), etag: said('etag'), lastModified: said('last-modified') }
    }
    body.on('error', () => {}).destroy()
    if (status === 304 && Object.keys(headers).length > 1) return { kind: 'unchanged' }
    if (![301, 302, 303, 307, 308].includes(status)) throw new WhiteListFault('answer', `The server of the white list answered ${status}`)
    at = onSameHost(at, said('location'))
  }
  throw new WhiteListFault('redirect', `The server of the white list redirects more than ${MOST_REDIRECTIONS} times`)
}

function conditions({ etag, lastModified }: Validators): Record<string, string> {
  return {
    accept: 'application/xml, text/xml, */*;q=0.1',
    ...(isSayable(etag) ? { 'if-none-match': etag } : {}),
    ...(isSayable(lastModified) ? { 'if-modified-since': lastModified } : {}),
  }
}

/** What no request can carry back, or no server would read, would end every later download before it began. */
function isSayable(validator: string | undefined): validator is string {
  return validator !== undefined && /^[\x21-\x7e][\x20-\x7e]{0,255}$/.test(validator)
}

function onSameHost(from: URL, location: string | undefined): URL {
  const to = location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (to?.origin === from.origin) return to
  throw new WhiteListFault('redirect', `The server of the white list redirects to ${to ? to.origin : 'nowhere'}, which is not followed`)
}

/** Codes only: a server's text has no place in a log. */
function failure(error: unknown, anchors: Anchors, isLate: boolean): WhiteListFault {
  const cause = { cause: error }
  const { code = 'failure' } = error as { code?: string }
  if (isLate || /TIMEOUT/.test(code)) return new WhiteListFault('too-slow', 'The server of the white list takes too long', cause)
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new WhiteListFault('too-large', 'The white list is larger than accepted', cause)
  const fault = peerFaultOf(error, anchors)
  if (fault) return new WhiteListFault('server-certificate', `The server of the white list was refused: ${fault.detail}`, cause)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new WhiteListFault('server-certificate', 'The certificate of the server of the white list is for another host', cause)
  return new WhiteListFault('unreachable', `The server of the white list cannot be reached (${code})`, cause)
}
