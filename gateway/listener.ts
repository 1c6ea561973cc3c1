import type { ServerTls } from '../crypto/index.ts'
import { bind } from './bind.ts'
import { type ClientBox, type ListenerOptions, openTalks, serverOptions, type Talks } from './dialogue.ts'
import { type Admission, type Early, GatewayServer } from './gateway-server.ts'
import { Refusal } from './refusals.ts'
import { refusalOf, tell } from './replies.ts'
import type { SaslOptions } from './sign-in/sasl.ts'

export type { ClientBox, Door, ListenerOptions } from './dialogue.ts'

export interface OpenDoor {
  readonly port: number
  /** New handshakes use these certificates and lists. */
  renew(tls: ServerTls): void
  close(): Promise<void>
}

/** Opens one SMTP door. @returns its port, and how to close it @throws when the port can't be had, see {@link bind} */
export async function openListener<Box extends ClientBox>(options: ListenerOptions<Box>): Promise<OpenDoor> {
  const talks = openTalks<Box>()
  const server = new GatewayServer(serverOptions(options, talks), {
    admit: admission(options),
    refuse: early(options),
    sasl: saslOptions(options, talks),
  })
  server.on('error', error =>
    options.log.info('connection-error', { door: options.door, code: (error as NodeJS.ErrnoException).code ?? error.name }),
  )
  const port = await bind(server.server, { ...options.listen, place: `listen.${options.door}` })
  return {
    port,
    renew: tls => server.updateSecureContext(tls),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        // Who is in the middle of a message may end it; who idles is told to go.
        for (const connection of server.connections)
          if (!connection.session.envelope?.mailFrom) connection.send(421, '4.3.2 Closing, try again later')
      }),
  }
}

/** One network can't take all the places of a door. Before TLS it is told so; where TLS comes first there is nobody to tell. */
function admission<Box extends ClientBox>({ door, signIn, log }: ListenerOptions<Box>): Admission {
  return (socket, handshake) => {
    const release = signIn.throttle.connection(door, socket.remoteAddress ?? '')
    if (release) return release
    const { reason, code, status, message } = new Refusal('tooManyConnections')
    log.info('refused', { door, reason })
    socket.on('error', () => {}) // it may be gone already
    if (handshake) socket.destroy()
    else socket.end(`${code} ${status} ${message}\r\n`, () => socket.destroy())
    return undefined
  }
}

function early<Box extends ClientBox>({ door, contact, log }: ListenerOptions<Box>): Early {
  return (reason, session) => {
    log.info('refused', { door, session: session.id, reason })
    const isOperator = reason === 'tlsRequired' && door === 'reception'
    return new Refusal(reason, isOperator ? `nothing is taken in clear text; ask ${contact}` : undefined)
  }
}

function saslOptions<Box extends ClientBox>(options: ListenerOptions<Box>, talk: Talks<Box>): SaslOptions<Box> {
  return {
    signIn: options.signIn,
    signedIn(session, box, by) {
      talk(session).box = box
      options.log.info('signed-in', { door: options.door, session: session.id, user: box.address, by })
    },
    refused(session, error) {
      const refusal = refusalOf(error)
      tell(options, session, refusal)
      return refusal
    },
  }
}
