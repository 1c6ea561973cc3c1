import { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { NodemailerError } from 'nodemailer/lib/errors'
import type { SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import { PeerRefused } from '../../crypto/index.ts'
import { type Trust, WrongPeer } from '../trust.ts'
import { SpoolConnection } from './dot-stuffing.ts'
import type { Host } from './next-hop.ts'

/** A connection to another operator that has passed every check: TLS, chain, revocation, DN. */
export interface Connection {
  readonly host: string
  /** DN of the server's certificate. */
  readonly peer: string
  readonly tls: string
  readonly reports: boolean
  readonly takes8Bit: boolean
  readonly takesUtf8: boolean
  /** @returns the peer's words, and the SHA-256 of the octets that it has */
  send(envelope: SMTPEnvelope, content: Buffer): Promise<{ response: string; sha256: string }>
  readonly usable: boolean
  close(): void
}

/** A large message is encrypted in slices, so that others have their turn in between. */
const SLICE = 128 * 1024

function inSlices(content: Buffer): Buffer | Readable {
  if (content.length <= SLICE) return content
  const count = Math.ceil(content.length / SLICE)
  return Readable.from(Array.from({ length: count }, (_, index) => content.subarray(index * SLICE, (index + 1) * SLICE)))
}

/**
 * Connects, STARTTLS, EHLO. There is no path to clear text: without STARTTLS, or with a wrong certificate, it fails.
 * @throws PeerRefused, or the NodemailerError of the connection
 */
export async function connect(to: Host, domain: string, options: { trust: Trust; hostname: string }): Promise<Connection> {
  const dial = () => options.trust.tlsTowards(domain, `${to.host}:${to.port}`)
  const first = dial()
  return open(to, first, options).catch(error => {
    // A server may fail on a session of its own: it is come to once more without.
    if (!first.resumes || isJudged(error)) throw error
    return open(to, dial(), options)
  })
}

function isJudged(error: unknown): boolean {
  return [error, (error as Error).cause].some(each => each instanceof PeerRefused || each instanceof WrongPeer)
}

function open(to: Host, dialled: ReturnType<Trust['tlsTowards']>, options: { trust: Trust; hostname: string }): Promise<Connection> {
  const { tls, met, certificate, peer } = dialled
  const smtp = new SpoolConnection({
    host: to.host,
    port: to.port,
    name: options.hostname,
    requireTLS: true,
    tls,
    logger: false,
    connectionTimeout: 30_000,
    greetingTimeout: 60_000,
    socketTimeout: 10 * 60_000, // RFC 5321 §4.5.3.2.6: ten minutes for the end of DATA
    allowInternalNetworkInterfaces: true,
  })
  smtp.met = met
  let usable = true
  return new Promise((resolve, reject) => {
    const fail = (error: NodemailerError) => {
      usable = false
      const fault = smtp.secure || !smtp.shown ? undefined : options.trust.faultOf(smtp.shown)
      reject(fault ?? error) // before the end, which knows less
      smtp.close()
    }
    smtp.on('error', fail)
    smtp.on('end', () => {
      usable = false
      reject(new Error('Connection closed'))
    })
    smtp.connect(async error => {
      if (error) return fail(error)
      const { _socket: socket, _supportedExtensions: extensions } = smtp as unknown as {
        _socket: TLSSocket
        _supportedExtensions: string[]
      }
      if (!smtp.secure) return fail(new Error('Connection is not encrypted') as NodemailerError)
      const shown = certificate()
      const revoked = shown && (await options.trust.faultAsked(shown)) // the lists may be late
      if (revoked) {
        reject(revoked)
        return smtp.close()
      }
      resolve({
        host: to.host,
        peer: peer(),
        tls: socket.getProtocol() ?? '',
        reports: extensions.includes('DSN'),
        takes8Bit: extensions.includes('8BITMIME'),
        takesUtf8: extensions.includes('SMTPUTF8'),
        get usable() {
          return usable
        },
        send: (envelope, content) =>
          new Promise((sent, failed) => {
            smtp.send(envelope, inSlices(content), (error, info) => {
              if (!error) return sent({ response: info?.response ?? '', sha256: smtp.sha256() })
              // A refused recipient leaves its transaction open (RFC 5321 §4.1.4), and a peer that is asked to reset it may never answer.
              usable = false
              smtp.close()
              failed(error)
            })
          }),
        close() {
          usable = false
          smtp.quit()
        },
      })
    })
  })
}
