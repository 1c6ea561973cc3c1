import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import type { Lookup } from '../annuaire.ts'
import { type FhirClient, fhirClient } from './client.ts'
import type { FhirFault } from './fault.ts'
import { openLimiter } from './limiter.ts'
import { openLookup } from './lookup.ts'

export interface FhirOptions {
  url: string
  /** File with the ESANTE-API-KEY on one line. */
  apiKey: string
  /** Files: authorities of the service's certificate, PEM. */
  anchors?: readonly string[] | undefined
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
    anchors: options.anchors?.map(file => readFileSync(file, 'latin1')),
    limiter: openLimiter(),
  })
  const lookup = openLookup({ client, now, timeout, cacheFor, ...(onFault && { onFault }) })
  return { lookup, client, close: () => client.close() }
}

/** The file that is checked is the one that is read: both go through one descriptor. */
function readApiKey(path: string): string {
  const file = openSync(path, 'r')
  try {
    if (fstatSync(file).mode & 0o077) throw new Error(`the API key ${path} can be used by others than its owner: chmod 600 it`)
    const text = readFileSync(file, 'latin1').replace(/\r?\n$/, '')
    if (!/^[\x21-\x7e]{1,512}$/.test(text)) throw new Error(`the API key ${path} must be one line and nothing else`)
    return text
  } finally {
    closeSync(file)
  }
}
