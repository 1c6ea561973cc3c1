import type { TLSSocket } from 'node:tls'
import type { SMTPServerOptions, SMTPServerSession } from 'smtp-server'
import type { Log } from '../config/index.ts'
import type { ServerTls } from '../crypto/index.ts'
import { maskPatient } from './address.ts'
import { ContentFault } from './content-guard.ts'
import { type Admission, type Early, GatewayServer } from './gateway-server.ts'
import { Refusal } from './refusals.ts'
import type { AskedRecipient, CheckedRecipient, CheckedSender, OwnBox, Policy, Speaker } from './session.ts'
import type { SignIn, SignInBox } from './sign-in/index.ts'
import type { SaslOptions } from './sign-in/sasl.ts'
import type { Transaction } from './transaction.ts'
import type { Peer } from './trust.ts'

export type Door = 'submission' | 'submissions' | 'reception'

/** A box of ours that mail clients sign in to. */
export type ClientBox = OwnBox & SignInBox

export interface ListenerOptions<Box extends ClientBox> {
  door: Door
  listen: { host: string; port: number }
  hostname: string
  tls: ServerTls
  limits: { messageBytes: number; recipients: number; connections: number }
  policy: Policy<Box>
  signIn: SignIn<Box>
  meet(socket: TLSSocket): Promise<Peer>
  /** Whom another operator asks when he is refused. */
  contact: string
  intake(transaction: Transaction<Box>, content: NodeJS.ReadableStream): Promise<string>
  log: Log
}

interface Said<Box extends ClientBox> {
  peer?: Peer
  /** The box that has signed in. */
  box?: Box
  sender?: CheckedSender<Box>
  /** As MAIL declared it (RFC 1870). */
  size?: number | undefined
  recipients: Map<string, CheckedRecipient>
}

export interface OpenDoor {
  readonly port: number
  /** New handshakes use these certificates and lists. */
  renew(tls: ServerTls): void
  close(): Promise<void>
}

/** Opens one SMTP door. @returns its port, and how to close it */
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

/** What was said on each connection so far. */
type Talks<Box extends ClientBox> = (session: SMTPServerSession) => Said<Box>

function openTalks<Box extends ClientBox>(): Talks<Box> {
  const said = new WeakMap<SMTPServerSession, Said<Box>>()
  return session => {
    const known: Said<Box> = said.get(session) ?? { recipients: new Map() }
    said.set(session, known)
    return known
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

/** Commands of old that the library answers with a joke, and a scanner reports as an open back door. */
const JOKES = ['WIZ', 'SHELL', 'KILL']

function serverOptions<Box extends ClientBox>(options: ListenerOptions<Box>, talk: Talks<Box>): SMTPServerOptions {
  const { door, policy, limits, signIn } = options
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
    lenientAddressParsing: true, // ours is the strict one, and says what is wrong
    disableReverseLookup: true,
    socketTimeout: 5 * 60_000, // RFC 5321 §4.5.3.2.7
    closeTimeout: 5_000,
    logger: false,
    disabledCommands: door === 'reception' ? ['AUTH', ...JOKES] : JOKES,
    ...(door === 'reception' ? {} : { authRequiredMessage: '5.7.0 Authentication required' }),

    onConnect(session, callback) {
      // Not even offered before TLS: a client that sees AUTH may send the password at once (RFC 4954 §4, RFC 8314 §3.3).
      if (door === 'submission') session.disabledCommands = ['AUTH', ...JOKES]
      callback()
    },
    onSecure(socket, session, callback) {
      if (door !== 'reception') {
        session.disabledCommands = undefined
        return callback()
      }
      options.meet(socket as TLSSocket).then(peer => {
        talk(session).peer = peer
        callback()
      }, callback)
    },
    onMailFrom({ address, args }, session, callback) {
      void answered(session, callback, async () => {
        const sender = await policy.checkSender(speaker(session), address)
        const { box } = talk(session)
        if (box) {
          await signIn.again(box)
          signIn.throttle.maySend(box)
        }
        const size = args && 'SIZE' in args ? Number(args.SIZE) : undefined
        Object.assign(talk(session), { sender, size, recipients: new Map() } satisfies Partial<Said<Box>>)
      })
    },
    onRcptTo({ address, dsn }, session, callback) {
      void answered(session, callback, async () => {
        const { recipients, sender, size } = talk(session)
        if (recipients.size >= limits.recipients) throw new Refusal('tooManyRecipients')
        const asked: AskedRecipient = { address, orcpt: dsn?.orcpt, notify: dsn?.notify }
        const recipient = await policy.checkRecipient(speaker(session), asked, { sender: sender?.sender ?? '', size })
        recipients.set(address, recipient)
      })
    },
    onData(content, session, callback) {
      void answered(session, callback, async () => {
        const { box } = talk(session)
        const id = await options.intake(transactionOf(session, talk(session), door), content)
        if (box) signIn.throttle.sent(box)
        return `2.0.0 Accepted as ${id}`
      })
    },
  }
}

function transactionOf<Box extends ClientBox>(session: SMTPServerSession, said: Said<Box>, door: Door): Transaction<Box> {
  const { envelope, tlsOptions } = session
  const recipients = new Map([...said.recipients.values()].map(recipient => [recipient.address, recipient]))
  const ret = envelope.dsn?.ret
  return {
    sender: '',
    ...said.sender,
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
async function answer<Box extends ClientBox, T>(
  options: ListenerOptions<Box>,
  session: SMTPServerSession,
  callback: (error?: Error | null, value?: T) => void,
  work: () => T | Promise<T>,
): Promise<void> {
  let value: T
  try {
    value = await work()
  } catch (error) {
    const refusal = error instanceof ContentFault ? error : refusalOf(error)
    tell(options, session, refusal)
    const code = refusal instanceof ContentFault ? refusal.reply : refusal.code
    return callback(Object.assign(new Error(`${refusal.status} ${refusal.message}`), { responseCode: code }))
  }
  callback(null, value)
}

function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : unforeseen(error)
}

function tell<Box extends ClientBox>(
  { door, log }: ListenerOptions<Box>,
  session: SMTPServerSession,
  refusal: Refusal | ContentFault,
): void {
  const { reason } = refusal
  const decided = refusal instanceof Refusal ? refusal.decided : {}
  log.info('refused', { door, session: session.id, reason, user: maskPatient(String(session.user ?? '')) || undefined, ...decided })
  if (refusal.cause) log.error('refusal-cause', { door, session: session.id, reason: refusal.reason }, refusal.cause)
}

/** A client that goes away in the middle of DATA is no bug of ours. */
function unforeseen(error: unknown): Refusal {
  const isCut = (error as NodeJS.ErrnoException).code === 'ECONNECTION'
  return isCut ? new Refusal('connectionLost') : new Refusal('internal', undefined, { cause: error })
}
