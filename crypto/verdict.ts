import type { CertificateFacts } from './certificate.ts'
import type { Rdn } from './names.ts'

/** Every way a certificate can be wrong. The certificate cases of MOTCO1 (expired, revoked, not IGC-Santé) each have their own. */
export type PeerFault =
  | 'no-certificate'
  | 'expired'
  | 'not-yet-valid'
  | 'revoked'
  | 'revocation-unknown'
  | 'not-from-anchors'
  | 'wrong-usage'
  | 'unreadable'

/** `detail` is an English sentence for the peer's operator: printable ASCII of bounded length, safe in an SMTP reply. */
export type Refused = { kind: 'refused'; why: PeerFault; detail: string }

export type PeerVerdict = { kind: 'trusted'; subject: Rdn[]; certificate: CertificateFacts } | Refused

export function refused(why: PeerFault, detail: string): Refused {
  return { kind: 'refused', why, detail }
}

/** Text that a certificate brought along, fit for a reply line: printable ASCII, 80 characters at most. */
export function printable(text: string | undefined): string {
  return (text ?? '?')
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 80)
}

/** The day of an instant, UTC. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
