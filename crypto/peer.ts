import type { TLSSocket } from 'node:tls'
import { type Anchors, trustOf } from './anchors.ts'
import { judgeCertificate } from './chain.ts'
import { listsSuffice } from './status.ts'
import type { Usage } from './usage.ts'
import { type PeerFault, type PeerVerdict, type Refused, refused } from './verdict.ts'

/** OpenSSL's verification errors (X509_V_ERR_*, as node:tls names them). An unknown one is still a no. */
const OPENSSL_FAULTS: Record<string, { why: PeerFault; detail: string }> = {
  CERT_HAS_EXPIRED: { why: 'expired', detail: 'certificate, or one of its chain, has expired' },
  CERT_NOT_YET_VALID: { why: 'not-yet-valid', detail: 'certificate, or one of its chain, is not valid yet' },
  CERT_REVOKED: { why: 'revoked', detail: 'certificate, or one of its chain, was revoked' },
  UNABLE_TO_GET_CRL: { why: 'revocation-unknown', detail: 'no revocation list of the issuing authority is known here' },
  CRL_HAS_EXPIRED: { why: 'revocation-unknown', detail: 'the revocation list of the issuing authority known here has ended' },
  CRL_NOT_YET_VALID: { why: 'revocation-unknown', detail: 'the revocation list of the issuing authority known here is not valid yet' },
  CRL_SIGNATURE_FAILURE: { why: 'revocation-unknown', detail: 'the revocation list of the issuing authority has a wrong signature' },
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: {
    why: 'revocation-unknown',
    detail: 'the revocation list of the issuing authority has a wrong signature',
  },
  INVALID_PURPOSE: { why: 'wrong-usage', detail: 'certificate is not meant for this side of a TLS connection' },
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    why: 'not-from-anchors',
    detail: 'certificate does not come from an accepted authority: it is self-signed',
  },
}

/** A handshake that our own judgement stopped; `verdict` says why. */
export class PeerRefused extends Error {
  override readonly name = 'PeerRefused'
  readonly verdict: Refused
  /** What the peer showed, DER, and by whom it was judged. */
  readonly shown: { certificate: Buffer; anchors: Anchors }
  constructor(verdict: Refused, shown: { certificate: Buffer; anchors: Anchors }) {
    super(verdict.detail)
    this.verdict = verdict
    this.shown = shown
  }
}

/**
 * Judges the peer of a finished handshake, on either side. OpenSSL must have accepted it (its chain, dates and lists at the time the TLS context was
 * made) *and* our own judgement against the anchors' present lists must accept it: neither alone is enough.
 * @param now the instant to judge at
 * @param usage `tls` for operators, whose server certificate serves on both sides; `client` for software that signs in with its own
 * @returns a verdict; never throws for what a peer can show
 */
export function judgePeer(
  socket: TLSSocket,
  anchors: Anchors,
  now: Date = new Date(),
  usage: Exclude<Usage, 'signature'> = 'tls',
): PeerVerdict {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return refused('no-certificate', 'no client certificate was shown')
  const verdict = judgeCertificate(certificate.raw, trustOf(anchors), usage, now)
  if (verdict.kind === 'refused') return verdict
  return opensslFault(socket, listsSuffice(trustOf(anchors), now)) ?? verdict
}

/** OpenSSL's codes for a list that it lacks: where a responder stands in for one, they say nothing against a peer. */
const LIST_CODES = ['UNABLE_TO_GET_CRL', 'CRL_HAS_EXPIRED']

function opensslFault(socket: TLSSocket, listsSuffice: boolean): Refused | undefined {
  if (socket.authorized) return undefined
  const code = String(socket.authorizationError)
  if (LIST_CODES.includes(code) && !listsSuffice) return undefined
  if (code === 'INVALID_PURPOSE' && isServerSide(socket)) return undefined
  return verdictOfCode(code)
}

/**
 * When a server asks for a certificate, OpenSSL wants the purpose clientAuth. Operators show their *server* certificate when they send
 * (spec of the trust space), so on that side the rule of `usage.ts`, already applied, stands in for this one error.
 * node:tls documents that getEphemeralKeyInfo() returns null on a server's socket.
 */
function isServerSide(socket: TLSSocket): boolean {
  return socket.getEphemeralKeyInfo() === null
}

function verdictOfCode(code: string): Refused {
  const { why, detail } = OPENSSL_FAULTS[code] ?? { why: 'not-from-anchors', detail: 'certificate does not chain to an accepted authority' }
  return refused(why, `${detail} (${code.replace(/[^A-Z0-9_]/g, '').slice(0, 60)})`)
}

/**
 * What a failed TLS connection says about the peer's certificate, for a courier's report.
 * @param error the `error` event of a socket or request
 * @param anchors those of the connection
 * @returns undefined when the failure is about something else (network, protocol)
 */
export function peerFaultOf(error: unknown, anchors: Anchors): Refused | undefined {
  if (error instanceof PeerRefused) return error.verdict
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  // OpenSSL reports the last fault only. When all our authorities have their lists, a list is lacking because the issuer is a stranger.
  if (code === 'UNABLE_TO_GET_CRL' && anchors.freshUntil) return verdictOfCode('UNABLE_TO_GET_ISSUER_CERT')
  if (typeof code === 'string' && (code in OPENSSL_FAULTS || isChainCode(code))) return verdictOfCode(code)
  return cause ? peerFaultOf(cause, anchors) : undefined
}

/**
 * A server's certificate that OpenSSL has refused, in our own words: they name the day or the issuer, which its error code does not.
 * @param der what was shown in the handshake
 * @returns undefined when our own judgement has nothing against it: then OpenSSL's code is all that is known
 */
export function faultOfShown(der: Buffer, anchors: Anchors, now: Date = new Date()): PeerRefused | undefined {
  const verdict = judgeCertificate(der, trustOf(anchors), 'tls', now)
  return verdict.kind === 'refused' ? new PeerRefused(verdict, { certificate: der, anchors }) : undefined
}

function isChainCode(code: string): boolean {
  return /^(UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|SELF_SIGNED_CERT|CERT_(SIGNATURE_FAILURE|CHAIN_TOO_LONG|UNTRUSTED|REJECTED)|INVALID_CA|PATH_LENGTH)/.test(
    code,
  )
}
