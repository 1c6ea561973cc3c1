import { Client } from 'undici'
import { Fault } from '../config/index.ts'
import { connector, serviceTls } from '../crypto/index.ts'

export type ExchangeFaultReason = 'unreachable' | 'too-slow' | 'too-large' | 'answer'

/** A request that brought nothing. Codes only: a server's text has no place in a log. */
export class ExchangeFault extends Fault<ExchangeFaultReason> {
  override readonly name = 'ExchangeFault'
}

export interface ExchangeOptions {
  headers: Record<string, string>
  /** With one it is a POST. */
  body?: Buffer
  /** milliseconds for all of it */
  timeout: number
  /** PEM authorities of an https server; the machine's own ones otherwise */
  authorities?: readonly string[] | undefined
  /** octets of an answer, at most */
  most: number
  signal?: AbortSignal | undefined
}

/**
 * One request to an address of our configuration, over http or https. Redirections are answers like any other: nobody else says where we go.
 * @throws ExchangeFault
 */
export async function exchange(
  url: string,
  options: ExchangeOptions,
): Promise<{ status: number; header(name: string): string; bytes: Buffer }> {
  const { headers, body, timeout, most } = options
  const { origin, pathname, search } = new URL(url)
  const limits = { headersTimeout: timeout, bodyTimeout: timeout, maxResponseSize: most }
  const client = new Client(origin, { connect: connector(() => serviceTls(options.authorities), timeout), ...limits })
  const deadline = AbortSignal.timeout(timeout)
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline
  try {
    const method = body ? 'POST' : 'GET'
    const answer = await client.request({ path: pathname + search, method, headers, body: body ?? null, signal })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, header: name => [answer.headers[name]].flat()[0] ?? '', bytes }
  } catch (cause) {
    throw faultOf(cause, deadline.aborted)
  } finally {
    await client.destroy()
  }
}

function faultOf(cause: unknown, isLate: boolean): ExchangeFault {
  const { code = 'failure' } = cause as { code?: string }
  if (isLate || /TIMEOUT/.test(code)) return new ExchangeFault('too-slow', 'it takes too long', { cause })
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new ExchangeFault('too-large', 'its answer is too large', { cause })
  return new ExchangeFault('unreachable', `it cannot be reached (${code})`, { cause })
}
