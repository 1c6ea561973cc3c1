import { join } from 'node:path'
import type { Log } from '../../config/index.ts'
import { type AnchorFiles, type Anchors, loadAnchors, type OcspAccess } from '../../crypto/index.ts'
import { ExchangeFault, exchange } from '../exchange.ts'

/** A part of the configuration that says whom to trust. */
export interface TrustFiles {
  anchors: readonly string[]
  crls: readonly string[]
  authorities: readonly { certificate: string; crl?: string | undefined; deltaCrl?: string | undefined; ocsp?: string | undefined }[]
}

/** A peer waits for it. */
const TIMEOUT = 5_000
const MOST = 64 * 1024

/** Folder of the lists that we fetch. They are public, and signed: nothing here is sealed. */
export function listFolder(data: string): string {
  return join(data, 'revocation')
}

/** Where anchors lie: what the configuration names, and what was fetched for it. For whoever loads them elsewhere, in a thread. */
export function anchorFiles({ anchors, crls, authorities }: TrustFiles, data: string): AnchorFiles {
  return { anchors, crls, authorities: authorities.map(({ certificate, ocsp }) => ({ certificate, ocsp })), fetched: listFolder(data) }
}

/** The files that somebody else may replace. */
export function watchedFiles({ anchors, crls, authorities }: TrustFiles): string[] {
  return [...anchors, ...crls, ...authorities.map(({ certificate }) => certificate)]
}

/** Loads a trusted set as it is configured, with the lists that were fetched and its OCSP responders. @throws as loadAnchors */
export function openAnchors(trust: TrustFiles, { data, log }: { data: string; log?: Log }): Anchors {
  return loadAnchors(anchorFiles(trust, data), { ocsp: responders(log) })
}

/** Asks the OCSP responders of the configuration, by POST (RFC 6960 appendix A.1). */
export function responders(log?: Log): OcspAccess {
  return {
    ask: askResponder,
    failed: (authority, reason) => log?.warn('ocsp-failed', { authority, reason }),
  }
}

async function askResponder(url: string, body: Buffer): Promise<Buffer> {
  const headers = { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' }
  const { status, bytes } = await exchange(url, { headers, body, timeout: TIMEOUT, most: MOST })
  if (status !== 200) throw new ExchangeFault('answer', `it answers ${status}`)
  return bytes
}
