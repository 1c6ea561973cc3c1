import { createHash } from 'node:crypto'
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls'
import { type Anchors, type Trust, trustOf } from './anchors.ts'
import type { Identity } from './identity.ts'
import { keyOf } from './keyring.ts'
import { faultOfShown } from './peer.ts'
import { listsSuffice } from './status.ts'
import { PROTOCOL } from './tls-protocol.ts'

/** Seconds: a client that comes back later shows its certificate anew. */
const SESSION_S = 3_600

/** A listener whose peers need no certificate (submission), or the inter-operator one, which asks for theirs. */
export type ServerTlsOptions = {
  identity: Identity
  /** Name of the door: a session of one is good at no other. */
  door: string
} & ({ requestPeer?: false } | { requestPeer: true; anchors: Anchors })

/** Options for `tls.createServer`, `new TLSSocket` or smtp-server. */
export interface ServerTls extends SecureContextOptions {
  requestCert: boolean
  rejectUnauthorized: boolean
}

/**
 * TLS options of a listener. With `requestPeer` the handshake *asks* for the certificate and lets every connection through: the policy judges with
 * `judgePeer` and refuses at MAIL in a sentence that the other operator can act on, which a broken handshake cannot give. So whoever listens
 * with `requestPeer` must call `judgePeer` before it takes anything, on resumed sessions too: they carry the certificate and OpenSSL's verdict of
 * their first handshake, and our own judgement reads the lists of now. The keys of tickets are made with the TLS context and never leave it: new options for
 * a listener (a renewed certificate, new lists, once a day in any case) end all its sessions.
 */
export function serverTls(options: ServerTlsOptions): ServerTls {
  const { identity, door } = options
  const sessionIdContext = createHash('sha256').update(door).digest('hex').slice(0, 32) // 32 octets at most (RFC 5246 §7.4.1.2)
  const own = { ...PROTOCOL, ...ownCertificate(identity), honorCipherOrder: true, sessionIdContext, sessionTimeout: SESSION_S }
  if (!options.requestPeer) return { ...own, requestCert: false, rejectUnauthorized: false }
  return { ...own, ...trustedAuthorities(options.anchors, new Date()), requestCert: true, rejectUnauthorized: false }
}

/**
 * How the server is recognised. `name`: its certificate carries the host name we connect to (RFC 9110 §4.3.4; the DMP). `dn`: its certificate's DN is
 * one that the signed white list gives for the recipient's domain; the host name proves nothing there (it is not the mail domain and comes from
 * public DNS), so **the caller compares the DN** right after the handshake and sends nothing before.
 */
export interface ClientTlsOptions {
  /** Without one nothing is shown: for a server that anybody may ask. */
  identity?: Identity
  anchors: Anchors
  identifiedBy: 'dn' | 'name'
  now?: () => Date
}

/**
 * TLS options of a client that shows its certificate, if it has one, and checks the server's: OpenSSL, then our own judgement, inside the handshake.
 * A refused server ends the connection with an error that `peerFaultOf` explains.
 */
export function clientTls({ identity, anchors, identifiedBy, now = () => new Date() }: ClientTlsOptions): ConnectionOptions {
  return {
    secureContext: contextOf(identity, anchors, now()),
    rejectUnauthorized: true,
    checkServerIdentity(host: string, peer: PeerCertificate): Error | undefined {
      const fault = faultOfShown(peer.raw, anchors, now())
      if (fault) return fault
      return identifiedBy === 'name' ? checkServerIdentity(host, peer) : undefined
    },
  }
}

/**
 * TLS options of a client of a public service (Annuaire Santé, Pro Santé Connect), which shows no certificate. The server's host name and chain are checked
 * by OpenSSL.
 * @param authorities PEM; those of the machine when absent
 */
export function serviceTls(authorities?: readonly string[]): ConnectionOptions {
  return { ...PROTOCOL, rejectUnauthorized: true, ...(authorities ? { ca: [...authorities] } : {}) }
}

const contexts = new WeakMap<Trust, Record<'lists' | 'answers', WeakMap<object, SecureContext>>>()
const NOBODY = {}

/** Reading the key and long revocation lists again for each connection would cost more than its handshake. A reload makes a new one. */
function contextOf(identity: Identity | undefined, anchors: Anchors, at: Date): SecureContext {
  const trust = trustOf(anchors)
  const both = contexts.get(trust) ?? { lists: new WeakMap(), answers: new WeakMap() }
  contexts.set(trust, both)
  const known = listsSuffice(trust, at) ? both.lists : both.answers
  const own = identity ? ownCertificate(identity) : {}
  const context = known.get(identity ?? NOBODY) ?? createSecureContext({ ...PROTOCOL, ...own, ...trustedAuthorities(anchors, at) })
  known.set(identity ?? NOBODY, context)
  return context
}

function ownCertificate(identity: Identity) {
  return { key: keyOf(identity).pem, cert: [identity.certificatePem, ...identity.chainPem].join('\n') }
}

/** OpenSSL knows of no responders: where one stands in for a list, the lists are left to our own judgement, which always follows. */
function trustedAuthorities(anchors: Anchors, at: Date) {
  const trust = trustOf(anchors)
  if (trust.authorityPems.length === 0) throw new Error('no certification authority is configured')
  return { ca: [...trust.authorityPems], ...(listsSuffice(trust, at) ? { crl: [...trust.listPems] } : {}) }
}
