import type { TLSSocket } from 'node:tls'
import { type Anchors, judgePeer, prepared, type Rdn } from '../../crypto/index.ts'
import { Refusal } from '../refusals.ts'

/** Client certificates, as far as signing in needs them. */
export interface Certificates {
  /** Whether the client showed any, good or bad: only then EXTERNAL makes sense (RFC 4422 appendix A). */
  isShown(socket: TLSSocket): boolean
  /**
   * Judges it now, against the lists of now: chain, dates, revocation, meant for clients.
   * @returns its DN @throws Refusal that says what is wrong with it
   */
  nameOf(socket: TLSSocket): Promise<string>
}

export interface CertificatesOptions {
  anchors: Anchors
  /** milliseconds */
  now(): number
  /** A distinguished name as text; the directory has the writing of them. */
  format(subject: readonly Rdn[]): string
}

/** ORG AUTH_CLI certificates, by which APP boxes sign in (spec mssante §2.1). */
export function openCertificates({ anchors, now, format }: CertificatesOptions): Certificates {
  return {
    isShown: socket => socket.getPeerX509Certificate() !== undefined,
    async nameOf(socket) {
      await prepared(anchors, socket.getPeerX509Certificate()?.raw, new Date(now()))
      const verdict = judgePeer(socket, anchors, new Date(now()), 'client')
      if (verdict.kind === 'refused') throw new Refusal('certificateRefused', `${verdict.why}, ${verdict.detail}`)
      return format(verdict.subject)
    },
  }
}
