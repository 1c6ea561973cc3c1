import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import type { Anchors, PeerVerdict, ServerTls } from '../../../crypto/index.ts'
import { judgePeer } from '../../../crypto/index.ts'

/** What both sides of one real handshake found. */
export interface Handshake {
  /** the server's judgement of the client */
  server: PeerVerdict | undefined
  /** the client's judgement of the server, or the error that ended the connection */
  client: PeerVerdict | Error
  protocol: string | null
}

/** Opens one connection on loopback and closes it. */
export async function handshake(
  listening: ServerTls,
  dialling: ConnectionOptions,
  anchors: Anchors,
  options: { now?: Date } = {},
): Promise<Handshake> {
  const server = createServer(listening)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  accepted.catch(() => undefined)
  server.on('tlsClientError', () => undefined)
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ...dialling })
  try {
    await once(socket, 'secureConnect')
    const [peer] = await accepted
    const [server, client] = [judgePeer(peer, anchors, options.now), judgePeer(socket, anchors, options.now)]
    return { server, client, protocol: socket.getProtocol() }
  } catch (error) {
    return { server: undefined, client: error as Error, protocol: null }
  } finally {
    socket.destroy()
    server.close()
  }
}
