import { readSecret } from '../../crypto/index.ts'
import type { Lookup } from '../annuaire.ts'
import { type FhirClient, fhirClient } from './client.ts'
import type { FhirFault } from './fault.ts'
import { openLimiter } from './limiter.ts'
import { openLookup } from './lookup.ts'

export interface FhirOptions {
  url: string
  /** File with the ESANTE-API-KEY on one line. */
  apiKey: string
  /** Authorities of the service's certificate, PEM, asked for at each connection; those of the machine when absent. */
  authorities?: (() => readonly string[] | undefined) | undefined
  /** Milliseconds, for one look-up. */
  timeout: number
  /** Milliseconds. */
  cacheFor: number
  now: () => number
  /** Told of each call that brought nothing. */
  onFault?: (fault: FhirFault) => void
}

/** The Annuaire Santé: look-ups and publication share its client, and with it the 17 calls a second. */
export interface Fhir {
  readonly lookup: Lookup
  readonly client: FhirClient
  close(): Promise<void>
}

/** @throws one sentence when the key cannot be read or the address is not https */
export function openFhir(options: FhirOptions): Fhir {
  const { url, timeout, cacheFor, now, onFault } = options
  const client = fhirClient({
    baseUrl: url,
    apiKey: readApiKey(options.apiKey),
    authorities: options.authorities,
    limiter: openLimiter(),
  })
  const lookup = openLookup({ client, now, timeout, cacheFor, ...(onFault && { onFault }) })
  return { lookup, client, close: () => client.close() }
}

function readApiKey(path: string): string {
  const key = readSecret(path, 'API key')
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Error(`the API key file ${path} holds what no HTTP header can carry`)
  return key
}
