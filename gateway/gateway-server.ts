import type { Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'
import { commandFault } from './parameters.ts'
import type { Refusal, RefusalReason } from './refusals.ts'
import type { SignInBox } from './sign-in/index.ts'
import { offered, type SaslConnection, type SaslOptions, takeAuth } from './sign-in/sasl.ts'

/** What may be said before TLS (RFC 3207 §4). */
const BEFORE_TLS = new Set(['EHLO', 'STARTTLS', 'NOOP', 'QUIT'])

interface Connection extends SaslConnection {
  _upgrading: boolean
  upgrade(...rest: unknown[]): void
  _onCommand(command: Buffer | undefined, next: () => void): void
}

/**
 * smtp-server speaks the protocol; what it does otherwise than we want is set right here. It derives the enhanced status from the reply
 * code (every 550 is 5.1.1): a text that starts with a status keeps it. Before TLS it answers "authentication required": RFC 3207 §4 wants 530.
 * And it announces the same AUTH mechanisms to everybody, and lacks some.
 */
export class GatewayServer<Box extends SignInBox> extends SMTPServer {
  readonly #refinements: Refinements<Box>
  /** What to call when a socket is gone. */
  readonly #leaving = new WeakMap<Socket, () => void>()

  constructor(options: SMTPServerOptions, { admit, ...refinements }: Refinements<Box> & { admit: Admission }) {
    super(options)
    this.#refinements = refinements
    const own = this as unknown as { _acceptSocket(socket: Socket, handshake: boolean): false | (() => void) }
    const accept = own._acceptSocket.bind(this)
    own._acceptSocket = (socket, handshake) => {
      const leave = admit(socket, handshake)
      if (!leave) return false
      socket.once('close', leave)
      this.#leaving.set(socket, leave)
      return accept(socket, handshake)
    }
  }

  override connect(...args: Parameters<SMTPServer['connect']>): void {
    const before = new Set(this.connections)
    super.connect(...args)
    for (const connection of this.connections) {
      if (before.has(connection)) continue
      refine(connection as unknown as Connection, this.#refinements)
      this.#watchBehindTls(connection as unknown as Connection)
    }
  }

  /** STARTTLS takes every listener off the socket: it would never be told that the connection has ended, and its place would stay taken. */
  #watchBehindTls(connection: Connection): void {
    const upgrade = connection.upgrade.bind(connection)
    connection.upgrade = (...rest) => {
      const { _socket: socket } = connection
      upgrade(...rest)
      const leave = this.#leaving.get(socket)
      if (leave) socket.once('close', leave)
    }
  }
}

/** @returns what to call when the connection has ended; undefined when the socket was turned away: it is closed then */
export type Admission = (socket: Socket, handshake: boolean) => (() => void) | undefined

/** Addresses that smtp-server refuses by itself, under the names of its replies. */
const SYNTAX: Readonly<Record<string, RefusalReason>> = { SENDER_SYNTAX_ERROR: 'senderMalformed', MAILBOX_SYNTAX_ERROR: 'addressMalformed' }

/** Refuses a command before smtp-server reads it, or in its place. */
export type Early = (reason: RefusalReason, session: SMTPServerSession) => Refusal

interface Refinements<Box extends SignInBox> {
  refuse: Early
  sasl: SaslOptions<Box>
}

function refine<Box extends SignInBox>(connection: Connection, { refuse, sasl }: Refinements<Box>): void {
  const send = connection.send.bind(connection)
  connection.send = (code, text, context) => {
    if (connection.session.secure && !connection._upgrading) gather(connection._socket)
    const malformed = SYNTAX[String(context)]
    if (malformed) {
      const { code: ours, status, message } = refuse(malformed, connection.session)
      return send(ours, `${status} ${message}`, false)
    }
    const mechanisms = () => `AUTH ${offered(sasl.signIn, connection._socket).join(' ')}`
    const said = Array.isArray(text) ? text.map(line => (/^AUTH /.test(line) ? mechanisms() : line)) : text
    send(code, said, /^[245]\.\d+\.\d+ /.test(String(text)) ? false : context)
  }
  takeAuth(connection, sasl)
  const onCommand = connection._onCommand.bind(connection)
  connection._onCommand = (command, next) => {
    const name = String(command).split(' ', 1)[0]?.toUpperCase() ?? ''
    const isOpen = connection.session.secure || connection._upgrading
    const fault = connection._nextHandler ? undefined : commandFault(String(command))
    const reason = isOpen || BEFORE_TLS.has(name) ? fault : 'tlsRequired'
    if (reason === undefined) return onCommand(command, next)
    const refusal = refuse(reason, connection.session)
    connection.send(refusal.code, `${refusal.status} ${refusal.message}`)
    setImmediate(next)
  }
}

/** RFC 2920 §3.2: the replies to commands that came together leave together, in one segment (and one TLS record). */
function gather(socket: Socket): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  setImmediate(() => socket.uncork())
}
