import { Readable } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { Pool } from 'undici'
import { connector } from '../crypto/index.ts'
import type { DmpAnswer } from './dmp.ts'
import { readSoap, type SoapAnswer } from './soap.ts'

/** What came back from one POST, before anyone asks what it means. */
export type Exchange = SoapAnswer | Extract<DmpAnswer, { kind: 'http' | 'unreachable' }>

export interface Transport {
  post(path: string, request: { contentType: string; body: Buffer }): Promise<Exchange>
  close(): Promise<void>
}

/** Answers are a status and a few codes, or one row of a registry. */
const MAX_ANSWER_BYTES = 128 * 1024
/** As many as the bridge has submissions in hand; the DMP asks for few and kept connections. */
const CONNECTIONS = 4

/**
 * HTTPS with a client certificate to the services of one DMP. undici rather than `node:https`: the pool is bounded, and the caps on
 * time and on the answer's size are options of a maintained library instead of code of ours; it never repeats a POST.
 * @param options.tls mutual TLS as crypto makes it, asked for at each connection; @param options.timeoutMs for one whole exchange
 * @param options.expires what ends the exchange of a request, in place of that time
 * @throws when the address is not https or the TLS options would accept any server
 */
export function openTransport(options: {
  baseUrl: string
  tls: () => ConnectionOptions
  timeoutMs: number
  expires?: (body: Buffer) => AbortSignal
}): Transport {
  const base = new URL(options.baseUrl)
  if (base.protocol !== 'https:') throw new Error('the address of the DMP must be https')
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS,
    connect: connector(options.tls, options.timeoutMs),
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    keepAliveTimeout: 10_000,
    maxResponseSize: MAX_ANSWER_BYTES,
  })

  async function post(path: string, request: { contentType: string; body: Buffer }): Promise<Exchange> {
    try {
      const response = await pool.request({
        method: 'POST',
        path: base.pathname.replace(/\/$/, '') + path,
        headers: {
          'content-type': request.contentType,
          'content-length': String(request.body.length),
          accept: 'application/soap+xml, multipart/related',
        },
        body: inSlices(request.body),
        signal: options.expires?.(request.body) ?? AbortSignal.timeout(options.timeoutMs),
      })
      const bytes = Buffer.from(await response.body.arrayBuffer())
      return exchangeOf(response.statusCode, String(response.headers['content-type'] ?? ''), bytes)
    } catch (error) {
      const code = codeOf(error)
      return code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' ? { kind: 'unreadable' } : { kind: 'unreachable', code }
    }
  }

  return { post, close: () => pool.destroy() }
}

/** A large document is encrypted in slices, so that others have their turn in between. */
const SLICE = 128 * 1024

function inSlices(body: Buffer): Buffer | Readable {
  if (body.length <= SLICE) return body
  const count = Math.ceil(body.length / SLICE)
  return Readable.from(Array.from({ length: count }, (_, index) => body.subarray(index * SLICE, (index + 1) * SLICE)))
}

/** A fault is read whatever the status (SOAP 1.2 part 2 §7.5.2 puts it under 400 or 500); any other answer only under 200. */
function exchangeOf(status: number, contentType: string, bytes: Buffer): Exchange {
  const answer = readSoap(contentType, bytes)
  if (answer.kind === 'fault') return answer
  return status === 200 ? answer : { kind: 'http', status }
}

/** @returns the code of a network, TLS or time failure; never its text */
function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout'
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? code : 'transport'
}
