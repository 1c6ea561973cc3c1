import { ExchangeFault, exchange } from '../exchange.ts'

/** What a server says of a version of a list, to ask later whether there is another (RFC 9110 §8.8). */
export interface Validators {
  etag: string
  lastModified: string
}

const TIMEOUT = 60_000
/** Lists of large authorities have some megabytes. */
const MOST = 32 * 1024 * 1024

/**
 * Asks for a revocation list (RFC 4387 §2 and RFC 5280 §4.2.1.13: plain GET).
 * @param known of the version that is here, if it came from there: without another the server says so in a few octets
 * @throws ExchangeFault
 */
export async function downloadList(
  url: string,
  { known, signal }: { known: Validators | undefined; signal?: AbortSignal },
): Promise<{ kind: 'unchanged' } | { kind: 'list'; bytes: Buffer; validators: Validators }> {
  const headers = { accept: 'application/pkix-crl, */*;q=0.1', ...(known ? conditions(known) : {}) }
  const { status, header, bytes } = await exchange(url, { headers, timeout: TIMEOUT, most: MOST, signal })
  if (status === 304 && known) return { kind: 'unchanged' }
  if (status !== 200) throw new ExchangeFault('answer', `it answers ${status}`)
  if (!/^(identity)?$/.test(header('content-encoding'))) throw new ExchangeFault('answer', 'it sends the list compressed')
  return { kind: 'list', bytes, validators: { etag: header('etag'), lastModified: header('last-modified') } }
}

function conditions({ etag, lastModified }: Validators): Record<string, string> {
  return {
    ...(isSayable(etag) ? { 'if-none-match': etag } : {}),
    ...(isSayable(lastModified) ? { 'if-modified-since': lastModified } : {}),
  }
}

function isSayable(validator: string): boolean {
  return /^[\x21-\x7e][\x20-\x7e]{0,255}$/.test(validator)
}
