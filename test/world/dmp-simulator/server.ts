import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { SoapFault } from './refusals.ts'

/** Server certificate (kind SERV SSL_SERV) and what client certificates must come from, all PEM. */
export interface TlsMaterial {
  certificatePem: string
  keyPem: string
  /** Authorities sent with the certificate. */
  chainPem?: readonly string[]
  anchors: readonly string[]
  crls: readonly string[]
}

/** Suites of the DMP (spec dmp §1.3). */
const CIPHERS = [
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

const MAX_BODY = 64 * 1024 * 1024

/** @returns an HTTPS server: TLS 1.2 only, a client certificate of the anchors that is on no list, or no handshake (spec dmp §1.3) */
export function tlsServer(material: TlsMaterial, handle: (request: IncomingMessage, response: ServerResponse) => void): Server {
  return createServer({ ...credentials(material), requestCert: true, rejectUnauthorized: true }, handle)
}

/** @returns what `setSecureContext` takes as well: it forgets everything that it is not given again */
export function credentials({ certificatePem, keyPem, chainPem = [], anchors, crls }: TlsMaterial): SecureContextOptions {
  const certificates = { cert: [certificatePem, ...chainPem].join('\n'), key: keyPem, ca: [...anchors], crl: [...crls] }
  return { ...certificates, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: CIPHERS }
}

/** Listens. @returns the port that was taken */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

/** A fatal alert, handshake_failure, TLS 1.2 (RFC 5246 §7.2). */
const HANDSHAKE_FAILURE = Buffer.from([21, 3, 3, 0, 2, 2, 40])

/** Keeps the open sockets, so that none outlives the server: a request that waits for an answer holds its own. */
export function trackSockets(server: Server, ending: () => 'down' | 'tls-refusal' | undefined): { cutAll(): void } {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    const end = ending()
    if (end === 'tls-refusal') socket.write(HANDSHAKE_FAILURE)
    if (end) {
      socket.destroySoon()
      return
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    cutAll() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** @returns the certificate of the TLS client, DER */
export function clientCertificate(request: IncomingMessage): Buffer {
  const certificate = (request.socket as TLSSocket).getPeerX509Certificate()
  if (!certificate) throw new SoapFault('Sender', 'there is no client certificate', 'DMPInvalidCertificate')
  return certificate.raw
}

/** @returns the whole body @throws SoapFault when it is longer than 64 MiB */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY) throw new SoapFault('Sender', 'the request is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
