import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { type Anchors, clientTls, type Identity, judgePeer, type PeerVerdict, type Rdn, subjectOf } from '../crypto/index.ts'
import { Refusal } from './refusals.ts'

/** What the white list says. Names are distinguished names as text (RFC 4514); whoever supplies this compares them as parsed sets. */
export interface TrustedSpace {
  nameOf(subject: readonly Rdn[]): string
  /** Whether the list gives this name for exactly this domain. */
  allows(domain: string, name: string): boolean
  /** Whether the list gives this name for any domain. */
  lists(name: string): boolean
  /** The names for a domain; empty for a domain outside the space. */
  namesOf(domain: string): readonly string[]
}

/** Who is at the other end of an inter-operator connection. */
export type Peer = { readonly name: string } | { readonly refused: string }

/** A server that is not the one that the white list names for the recipient's domain. */
export class WrongPeer extends Error {
  override readonly name = 'WrongPeer'
}

export type Trust = ReturnType<typeof openTrust>

/** Decision 1: chain, revocation, and the DN that the signed list gives for the domain. No option turns any of it off. */
export function openTrust({ anchors, identity, space }: { anchors: Anchors; identity: Identity; space: TrustedSpace }) {
  return {
    /** Judges an incoming connection once its handshake is over; refuses nothing yet (decision 2). */
    meet(socket: TLSSocket): Peer {
      const verdict: PeerVerdict = judgePeer(socket, anchors)
      return verdict.kind === 'trusted' ? { name: space.nameOf(verdict.subject) } : { refused: `${verdict.why}, ${verdict.detail}` }
    },

    /**
     * MAIL on an inter-operator connection.
     * @param domain of the reverse-path; undefined for a report, which any listed operator may send
     * @returns the peer's name
     * @throws Refusal that says what to repair
     */
    checkPeer(peer: Peer | undefined, domain: string | undefined): string {
      if (!peer) throw new Refusal('tlsRequired')
      if ('refused' in peer) throw new Refusal('peerRefused', peer.refused)
      const allowed = domain === undefined ? space.lists(peer.name) : space.allows(domain, peer.name)
      if (!allowed) throw new Refusal('peerNotListed', whatIsListed(domain, peer.name))
      return peer.name
    },

    /** @throws Refusal when the recipient's domain is outside the trusted space */
    checkDomain(domain: string): void {
      if (space.namesOf(domain).length === 0) throw new Refusal('domainNotTrusted')
    },

    mayWriteAs: (name: string, domain: string) => space.allows(domain, name),
    isListed: (domain: string) => space.namesOf(domain).length > 0,

    /**
     * TLS options to reach a domain: the handshake itself fails unless the server's DN is one of the domain's.
     * @returns also the server's name, known once connected
     */
    tlsTowards(domain: string): { tls: ConnectionOptions; peer(): string } {
      let name = ''
      const base = clientTls({ identity, anchors, identifiedBy: 'dn' })
      const tls: ConnectionOptions = {
        ...base,
        checkServerIdentity(host, certificate) {
          const fault = base.checkServerIdentity?.(host, certificate)
          if (fault) return fault
          name = space.nameOf(subjectOf(certificate.raw))
          return space.allows(domain, name) ? undefined : new WrongPeer(`the white list does not give ${name} for ${domain}`)
        },
      }
      return { tls, peer: () => name }
    },
  }

  function whatIsListed(domain: string | undefined, name: string): string {
    if (domain === undefined) return `${name} is not in the list`
    const expected = space.namesOf(domain)
    if (expected.length === 0) return `${domain} is not in the list`
    return `shown ${name}, expected ${expected.join(' or ')}`
  }
}
