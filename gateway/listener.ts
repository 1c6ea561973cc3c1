import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'
import type { Log } from '../config/index.ts'
import type { ServerTls } from '../crypto/index.ts'
import { maskPatient } from './address.ts'
import { ContentFault } from './content-guard.ts'
import type { Transaction } from './intake.ts'
import { commandFault } from './parameters.ts'
import { Refusal, type RefusalReason } from './refusals.ts'
import type { AskedRecipient, OwnBox, Policy, Speaker } from './session.ts'
import type { Recipient } from './spool/index.ts'
import type { Peer } from './trust.ts'

export type Door = 'submission' | 'submissions' | 'reception'

export interface ListenerOptions<Box extends OwnBox> {
  door: Door
  listen: { host: string; port: number }
  hostname: string
  tls: ServerTls
  limits: { messageBytes: number; recipients: number; connections: number }
  policy: Policy<Box>
  meet(socket: TLSSocket): Peer
  /** Whom another operator asks when he is refused. */
  contact: string
  intake(transaction: Transaction<Box>, content: NodeJS.ReadableStream): Promise<string>
  log: Log
}

/** What may be said before TLS (RFC 3207 §4). */
const BEFORE_TLS = new Set(['EHLO', 'STARTTLS', 'NOOP', 'QUIT'])

interface Said<Box extends OwnBox> {
  peer?: Peer
  sender?: string
  peerName?: string
  recipients: Map<string, Recipient>
  box?: Box
}

interface Connection {
  session: SMTPServerSession
  _socket: Socket
  _upgrading: boolean
  /** Set while the lines of an AUTH exchange are awaited. */
  _nextHandler: unknown
  send(code: number, text: unknown, context?: unknown): void
  _onCommand(command: Buffer | undefined, next: () => void): void
}

/**
 * smtp-server speaks the protocol; two things it does otherwise than we want are set right here. It derives the enhanced status from the reply
 * code (every 550 is 5.1.1): a text that starts with a status keeps it. And before TLS it answers "authentication required": RFC 3207 §4 wants 530.
 */
class GatewayServer extends SMTPServer {
  readonly refuse: Early

  constructor(options: SMTPServerOptions, refuse: Early) {
    super(options)
    this.refuse = refuse
  }

  override connect(...args: Parameters<SMTPServer['connect']>): void {
    const before = new Set(this.connections)
    super.connect(...args)
    for (const connection of this.connections) {
      if (!before.has(connection)) refine(connection as unknown as Connection, this.refuse)
    }
  }
}

function refine(connection: Connection, refuse: Early): void {
  const send = connection.send.bind(connection)
  connection.send = (code, text, context) => {
    if (connection.session.secure && !connection._upgrading) gather(connection._socket)
    send(code, text, /^[245]\.\d+\.\d+ /.test(String(text)) ? false : context)
  }
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

/** Refuses a command before smtp-server reads it. */
type Early = (reason: RefusalReason, session: SMTPServerSession) => Refusal

function early({ door, contact, log }: Pick<ListenerOptions<OwnBox>, 'door' | 'contact' | 'log'>): Early {
  return (reason, session) => {
    log.info('refused', { door, session: session.id, reason })
    const isOperator = reason === 'tlsRequired' && door === 'reception'
    return new Refusal(reason, isOperator ? `nothing is taken in clear text; ask ${contact}` : undefined)
  }
}

export interface OpenDoor {
  readonly port: number
  /** New handshakes use these certificates and lists. */
  renew(tls: ServerTls): void
  close(): Promise<void>
}

/** Opens one SMTP door. @returns its port, and how to close it */
export async function openListener<Box extends OwnBox>(options: ListenerOptions<Box>): Promise<OpenDoor> {
  const server = new GatewayServer(serverOptions(options), early(options))
  server.on('error', error =>
    options.log.info('connection-error', { door: options.door, code: (error as NodeJS.ErrnoException).code ?? error.name }),
  )
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject)
    server.listen(options.listen.port, options.listen.host, () => {
      server.server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.server.address() as { port: number }).port,
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

function serverOptions<Box extends OwnBox>(options: ListenerOptions<Box>): SMTPServerOptions {
  const { door, policy, limits } = options
  const said = new WeakMap<SMTPServerSession, Said<Box>>()
  const talk = (session: SMTPServerSession): Said<Box> => {
    const known: Said<Box> = said.get(session) ?? { recipients: new Map() }
    said.set(session, known)
    return known
  }
  const speaker = (session: SMTPServerSession): Speaker<Box> => {
    const { box, peer } = talk(session)
    if (door !== 'reception') {
      if (!box) throw new Refusal('authenticationFailed')
      return { kind: 'box', box }
    }
    if (!peer) throw new Refusal('tlsRequired')
    return { kind: 'operator', peer }
  }
  const answered = <T>(session: SMTPServerSession, callback: (error?: Error | null, value?: T) => void, work: () => T | Promise<T>) =>
    answer(options, session, callback, work)

  return {
    ...options.tls,
    secure: door === 'submissions',
    name: options.hostname,
    banner: 'Pli',
    size: limits.messageBytes,
    maxClients: limits.connections,
    hideDSN: false,
    hideENHANCEDSTATUSCODES: false,
    disableReverseLookup: true,
    socketTimeout: 5 * 60_000, // RFC 5321 §4.5.3.2.7
    closeTimeout: 5_000,
    logger: false,
    ...(door === 'reception'
      ? { disabledCommands: ['AUTH'] }
      : { authMethods: ['PLAIN', 'LOGIN'], authRequiredMessage: '5.7.0 Authentication required' }),

    onConnect(session, callback) {
      // Not even offered before TLS: a client that sees AUTH may send the password at once (RFC 4954 §4, RFC 8314 §3.3).
      if (door === 'submission') session.disabledCommands = ['AUTH']
      callback()
    },
    onSecure(socket, session, callback) {
      if (door === 'reception') talk(session).peer = options.meet(socket as TLSSocket)
      else session.disabledCommands = undefined
      callback()
    },
    onAuth(auth, session, callback) {
      void answered(
        session,
        (error, box) => callback(error ?? null, box ? { user: box.address } : undefined),
        async () => {
          const box = await policy.authenticate(auth.username ?? '', auth.password ?? '')
          talk(session).box = box
          return box
        },
      )
    },
    onMailFrom({ address }, session, callback) {
      void answered(session, callback, () => {
        const { sender, peer } = policy.checkSender(speaker(session), address)
        Object.assign(talk(session), { sender, peerName: peer, recipients: new Map() })
      })
    },
    onRcptTo({ address, dsn }, session, callback) {
      void answered(session, callback, async () => {
        const { recipients, sender = '' } = talk(session)
        if (recipients.size >= limits.recipients) throw new Refusal('tooManyRecipients')
        const asked: AskedRecipient = { address, orcpt: dsn?.orcpt, notify: dsn?.notify }
        const recipient = await policy.checkRecipient(speaker(session), asked, { sender, size: declaredSize(session) })
        recipients.set(address, recipient)
      })
    },
    onData(content, session, callback) {
      void answered(session, callback, async () => {
        const id = await options.intake(transactionOf(session, talk(session), door), content)
        return `2.0.0 Accepted as ${id}`
      })
    },
  }
}

/** RFC 1870: SIZE at MAIL. */
function declaredSize({ envelope }: SMTPServerSession): number | undefined {
  const args = envelope.mailFrom ? envelope.mailFrom.args : undefined
  const size = Number((args as Record<string, string> | undefined)?.SIZE)
  return Number.isSafeInteger(size) ? size : undefined
}

function transactionOf<Box extends OwnBox>(session: SMTPServerSession, said: Said<Box>, door: Door): Transaction<Box> {
  const { envelope, tlsOptions } = session
  const recipients = new Map([...said.recipients.values()].map(recipient => [recipient.address, recipient]))
  const ret = envelope.dsn?.ret
  return {
    ...(door === 'reception' ? { peer: said.peerName } : { box: said.box }),
    sender: said.sender ?? '',
    envid: envelope.dsn?.envid || undefined,
    ret: ret === 'FULL' || ret === 'HDRS' ? ret : undefined,
    utf8: envelope.smtpUtf8 === true,
    recipients: [...recipients.values()],
    trace: {
      ...(door === 'reception' ? { from: { helo: String(session.hostNameAppearsAs), address: session.remoteAddress } } : {}),
      protocol: session.transmissionType,
      tls: tlsOptions ? `${tlsOptions.version}:${tlsOptions.name}` : 'none',
    },
  }
}

/** The one place where refusals become replies. Anything else is a bug: 451 outside, its cause in the log (STYLE: errors). */
async function answer<Box extends OwnBox, T>(
  { door, log }: ListenerOptions<Box>,
  session: SMTPServerSession,
  callback: (error?: Error | null, value?: T) => void,
  work: () => T | Promise<T>,
): Promise<void> {
  let value: T
  try {
    value = await work()
  } catch (error) {
    const refusal = error instanceof Refusal || error instanceof ContentFault ? error : unforeseen(error)
    log.info('refused', { door, session: session.id, reason: refusal.reason, user: maskPatient(String(session.user ?? '')) || undefined })
    if (refusal.cause) log.error('refusal-cause', { door, session: session.id, reason: refusal.reason }, refusal.cause)
    const code = refusal instanceof ContentFault ? refusal.reply : refusal.code
    return callback(Object.assign(new Error(`${refusal.status} ${refusal.message}`), { responseCode: code }))
  }
  callback(null, value)
}

/** A client that goes away in the middle of DATA is no bug of ours. */
function unforeseen(error: unknown): Refusal {
  const isCut = (error as NodeJS.ErrnoException).code === 'ECONNECTION'
  return isCut ? new Refusal('connectionLost') : new Refusal('internal', undefined, { cause: error })
}
