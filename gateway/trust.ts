import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { Fault } from '../config/index.ts'
import {
  type Anchors,
  clientTls,
  type Dial,
  dial,
  faultOfShown,
  type Identity,
  judgePeer,
  type PeerFault,
  prepared,
  type Rdn,
  type Refused,
  subjectOf,
} from '../crypto/index.ts'
import { REFUSALS, Refusal, type RefusalReason } from './refusals.ts'

/** What the white list says. Names are distinguished names as text (RFC 4514); whoever supplies this compares them as parsed sets. */
export interface TrustedSpace {
  nameOf(subject: readonly Rdn[]): string
  /** Whether the list gives this name for exactly this domain. */
  allows(domain: string, name: string): boolean
  /** Whether the list gives this name for any domain. */
  lists(name: string): boolean
  /** The names for a domain; empty for a domain outside the space. */
  namesOf(domain: string): readonly string[]
  /** The name for a domain that differs from this one in its CN alone. */
  likest(domain: string, name: string): string | undefined
}

/** Who is at the other end of an inter-operator connection. */
export type Peer = { readonly name: string } | { readonly refused: Refused }

/** The white list does not give a certificate's name for a domain; the message names both. */
export class WrongPeer extends Fault<'peerNameDiffers' | 'peerNotListed'> {
  override readonly name = 'WrongPeer'
}

const REASONS: Partial<Record<PeerFault, RefusalReason>> = {
  expired: 'peerExpired',
  revoked: 'peerRevoked',
  'not-from-anchors': 'peerNotFromAuthority',
  'revocation-unknown': 'peerUncheckable',
}

/** @returns the reason under which a faulty certificate is refused, at our door or at theirs */
export function reasonOf(fault: PeerFault): RefusalReason {
  return REASONS[fault] ?? 'peerRefused'
}

export type Trust = ReturnType<typeof openTrust>

export interface TrustOptions {
  anchors: Anchors
  /** What we show to other operators, asked for at each connection. */
  identity: () => Identity
  space: TrustedSpace
  /** Whom a refused operator asks: the address of our postmaster. */
  contact: string
}

/** Decision 1: chain, revocation, and the DN that the signed list gives for the domain. No option turns any of it off. */
export function openTrust({ anchors, identity, space, contact }: TrustOptions) {
  /** What is wrong with a name that is not the domain's: it is listed elsewhere, nowhere, or nearly (another CN of the same operator). */
  function wrongPeer(domain: string | undefined, name: string): WrongPeer {
    if (domain === undefined) return new WrongPeer('peerNotListed', `${name} is not in the list`)
    const [first, ...others] = space.namesOf(domain)
    if (first === undefined) return new WrongPeer('peerNotListed', `${domain} is not in the list`)
    const likest = space.lists(name) ? undefined : space.likest(domain, name)
    if (likest !== undefined) return new WrongPeer('peerNameDiffers', `shown ${name}, expected ${likest}`)
    const more = others.length > 0 ? ` or ${others.length} more` : ''
    return new WrongPeer('peerNotListed', `shown ${name}, expected ${first}${more}`)
  }

  return {
    /** Judges an incoming connection once its handshake is over; refuses nothing yet (decision 2). */
    async meet(socket: TLSSocket): Promise<Peer> {
      await prepared(anchors, socket.getPeerX509Certificate()?.raw)
      const verdict = judgePeer(socket, anchors)
      return verdict.kind === 'trusted' ? { name: space.nameOf(verdict.subject) } : { refused: verdict }
    },

    /**
     * MAIL on an inter-operator connection.
     * @param domain of the reverse-path; undefined for a report, which any listed operator may send
     * @returns the peer's name
     * @throws Refusal that says what to repair, and whom to ask
     */
    checkPeer(peer: Peer | undefined, domain: string | undefined): string {
      if (!peer) throw new Refusal('tlsRequired')
      if ('refused' in peer) throw repairable(reasonOf(peer.refused.why), `${peer.refused.why}, ${peer.refused.detail}`, contact)
      const allowed = domain === undefined ? space.lists(peer.name) : space.allows(domain, peer.name)
      if (allowed) return peer.name
      const { reason, message } = wrongPeer(domain, peer.name)
      throw repairable(reason, message, contact)
    },

    /** @throws Refusal when the recipient's domain is outside the trusted space; it names the domain as we read it, a look-alike as A-label */
    checkDomain(domain: string): void {
      if (space.namesOf(domain).length === 0) throw new Refusal('domainNotTrusted', `${domain} is not in the white list`)
    },

    mayWriteAs: (name: string, domain: string) => space.allows(domain, name),
    isListed: (domain: string) => space.namesOf(domain).length > 0,

    /** @returns what our own judgement says against a certificate, for the words of a handshake that OpenSSL has ended */
    faultOf: (shown: Buffer) => faultOfShown(shown, anchors),

    /** Asks about a server's certificate what our lists do not say. @returns as `faultOf` */
    async faultAsked(shown: Buffer) {
      await prepared(anchors, shown)
      return faultOfShown(shown, anchors)
    },

    /**
     * How to reach a domain: the handshake fails unless the server's DN is one of the domain's; that of a resumed session is compared by `met`.
     * @param to `host:port` @returns also the server's name, known once connected
     */
    tlsTowards(domain: string, to: string): Dial & { peer(): string } {
      let name = ''
      const base = clientTls({ identity: identity(), anchors, identifiedBy: 'dn' })
      const tls: ConnectionOptions = {
        ...base,
        checkServerIdentity(host, certificate) {
          const fault = base.checkServerIdentity?.(host, certificate)
          if (fault) return fault
          name = space.nameOf(subjectOf(certificate.raw))
          if (space.allows(domain, name)) return undefined
          const { reason, message } = wrongPeer(domain, name)
          const what = reason === 'peerNameDiffers' ? 'the CN of their certificate is not the one' : 'their certificate is not one'
          return new WrongPeer(reason, `${what} that the white list gives for ${domain}: ${message}`)
        },
      }
      return { ...dial(tls, to), peer: () => name }
    },
  }
}

/** RFC 5321 §4.5.3.1.5: a reply line has 512 octets at most, its CRLF included. */
const REPLY_OCTETS = 510

/** A refusal that names the fault and whom to ask. The fault is cut when it is too long, the contact never. */
function repairable(reason: RefusalReason, fault: string, contact: string): Refusal {
  const [code, status, text] = REFUSALS[reason]
  const end = `; ask ${contact}`
  const room = REPLY_OCTETS - `${code} ${status} ${text}: ${end}`.length
  const words = inAscii(fault)
  return new Refusal(reason, (words.length > room ? `${words.slice(0, room - 3)}...` : words) + end)
}

/** A reply is ASCII (RFC 5321 §2.4): accents of a name are written as RFC 4514 §2.4 escapes them, so that no two names look alike. */
function inAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, character =>
    [...Buffer.from(character)].map(octet => `\\${octet.toString(16).toUpperCase()}`).join(''),
  )
}
