import { Pool } from 'undici'
import { connector, serviceTls } from '../../crypto/index.ts'
import { FhirFault, type FhirReason } from './fault.ts'
import { Busy, type Limiter } from './limiter.ts'
import { readOutcome } from './resources.ts'

export interface TransportOptions {
  /** `https://…/fhir/v2` */
  baseUrl: string
  apiKey: string
  /** Authorities of the service's certificate, PEM, asked for at each connection; those of the machine when absent. */
  authorities?: (() => readonly string[] | undefined) | undefined
  limiter: Limiter
}

export interface Call {
  method: 'GET' | 'PATCH'
  /** Below the base, with its query. */
  path: string
  body?: object
  /** Somebody waits at the other end of an SMTP dialogue. */
  urgent?: boolean
  /** The end of the caller's patience, waiting for a turn included. */
  signal: AbortSignal
}

export interface Transport {
  /** @returns the JSON of a 200 @throws FhirFault */
  call(call: Call): Promise<unknown>
  close(): Promise<void>
}

/** A page of ten practitioners with everything that is known of them is some 100 KB. */
const MAX_ANSWER_BYTES = 512 * 1024
const CONNECT_MS = 10_000
const FHIR_JSON = 'application/fhir+json'

/**
 * HTTPS to the Annuaire Santé with its API key, never more often than the limiter allows. undici: caps on the pool and on the answer's size are
 * options of a maintained library; it follows no redirection (which would carry the key elsewhere) and repeats no PATCH.
 * @throws when the address is not https
 */
export function openTransport({ baseUrl, apiKey, authorities, limiter }: TransportOptions): Transport {
  const base = new URL(baseUrl)
  if (base.protocol !== 'https:') throw new Error('the address of the Annuaire Santé must be https')
  const pool = new Pool(base.origin, {
    connect: connector(() => serviceTls(authorities?.()), CONNECT_MS),
    connections: 17,
    maxResponseSize: MAX_ANSWER_BYTES,
    keepAliveTimeout: 10_000,
  })

  async function exchange({ method, path, body, signal }: Call): Promise<unknown> {
    const {
      statusCode,
      headers,
      body: content,
    } = await pool.request({
      method,
      path: base.pathname.replace(/\/$/, '') + path,
      headers: { 'esante-api-key': apiKey, accept: FHIR_JSON, ...(body ? { 'content-type': FHIR_JSON } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal,
    })
    const json = parseJson(String(headers['content-type'] ?? ''), await content.text())
    if (statusCode === 429) limiter.rest(restOf(headers['retry-after']))
    if (statusCode !== 200) throw new FhirFault(reasonOf(statusCode), { status: statusCode, text: readOutcome(json) })
    if (json === undefined) throw new FhirFault('malformed', { status: statusCode })
    return json
  }

  return {
    call: call =>
      limiter
        .run(() => exchange(call).catch(asFault), { urgent: call.urgent ?? false, signal: call.signal })
        .catch((error: Error) => {
          throw error instanceof Busy ? new FhirFault('busy', { cause: error }) : error
        }),
    async close() {
      limiter.close()
      await pool.destroy()
    },
  }
}

/** @returns undefined for what is no JSON */
function parseJson(contentType: string, text: string): unknown {
  if (!/^application\/(?:fhir\+)?json\b/i.test(contentType)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(status: number): FhirReason {
  if (status === 429) return 'throttled'
  if (status === 401 || status === 403) return 'unauthorized'
  return status >= 500 || status === 408 ? 'failing' : 'refused'
}

/** Retry-After in seconds (RFC 9110 §10.2.3), a second at least and a minute at most. */
function restOf(header: string | string[] | undefined): number {
  const seconds = Number(header)
  return Math.min(Math.max(Number.isFinite(seconds) ? seconds : 1, 1), 60) * 1000
}

function asFault(error: unknown): never {
  if (error instanceof FhirFault) throw error
  const { name, code } = error as { name?: string; code?: unknown }
  if (name === 'TimeoutError' || name === 'AbortError') throw new FhirFault('timeout', { cause: error })
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') throw new FhirFault('malformed', { cause: error, code })
  const known = typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? { code } : {}
  throw new FhirFault('unreachable', { cause: error, ...known })
}
