import type { ConnectionOptions, PeerCertificate, SecureContext, TLSSocket } from 'node:tls'

/** A connection that may resume the session of an earlier one. */
export interface Dial {
  tls: ConnectionOptions
  /** Whether a session is offered. One that leads to no connection is forgotten: the next attempt makes a whole handshake. */
  readonly resumes: boolean
  /**
   * To be called once the handshake is over, before anything is sent. Node does not call checkServerIdentity for a resumed session, and cannot show
   * its certificate: it is judged here, as at a whole handshake.
   * @returns why nothing may be sent: the connection must be ended
   */
  met(socket: TLSSocket): Error | undefined
  /** The certificate of the server, DER, whether it was shown now or when its session was made; known once {@link met} was called. */
  certificate(): Buffer | undefined
}

/** What a session was agreed on: TLS proves that who resumes it is who showed this certificate. */
interface Shown {
  host: string
  peer: PeerCertificate
  /** Milliseconds: then a whole handshake shows the certificate anew. */
  until: number
}

interface Kept extends Shown {
  session: Buffer
}

const LIFETIME_MS = 3_600_000
const MOST = 500

/** By TLS context: an identity that was renewed, or anchors that were read again, make another one, and what was agreed under the old one is forgotten. */
const kept = new WeakMap<SecureContext, Map<string, Kept>>()

/**
 * @param tls as `clientTls` makes them; checkServerIdentity may have been refined
 * @param to `host:port`: sessions are kept for it and for the identity that is shown
 * @param now milliseconds
 */
export function dial(tls: ConnectionOptions, to: string, now: () => number = Date.now): Dial {
  const { secureContext, checkServerIdentity: check } = tls
  if (!secureContext || !check) throw new Error('not options that clientTls made')
  const sessions = sessionsOf(secureContext)
  const known = sessions.get(to)
  const resumed = known && known.until > now() ? known : undefined
  sessions.delete(to)
  let shown: Shown | undefined
  let agreed: Shown | undefined
  return {
    resumes: resumed !== undefined,
    tls: {
      ...tls,
      ...(resumed && { session: resumed.session }),
      checkServerIdentity(host, peer) {
        shown = { host, peer, until: now() + LIFETIME_MS }
        return check(host, peer)
      },
    },
    met(socket) {
      const found = socket.isSessionReused() ? resumed : shown
      agreed = found
      if (!found) return new Error('a session was resumed that is not known here')
      const fault = found === resumed ? check(found.host, found.peer) : undefined
      if (fault) return fault
      if (resumed && found === resumed) keep(sessions, to, resumed)
      const remember = (session: Buffer) => keep(sessions, to, { ...found, session })
      // That of TLS 1.2 is there; those of TLS 1.3 come later.
      const session = socket.getProtocol() === 'TLSv1.2' ? socket.getSession() : undefined
      if (session) remember(session)
      else socket.on('session', remember)
      return undefined
    },
    certificate: () => agreed?.peer.raw,
  }
}

function sessionsOf(context: SecureContext): Map<string, Kept> {
  const sessions = kept.get(context) ?? new Map<string, Kept>()
  kept.set(context, sessions)
  return sessions
}

function keep(sessions: Map<string, Kept>, to: string, session: Kept): void {
  sessions.delete(to)
  sessions.set(to, session)
  for (const oldest of sessions.keys()) if (sessions.size > MOST) sessions.delete(oldest)
}
