import type { TLSSocket } from 'node:tls'
import type { SMTPServerOptions, SMTPServerSession } from 'smtp-server'
import type { Log } from '../config/index.ts'
import type { ServerTls } from '../crypto/index.ts'
import { Refusal } from './refusals.ts'
import { answer } from './replies.ts'
import type { AskedRecipient, CheckedRecipient, CheckedSender, OwnBox, Policy, Speaker } from './session.ts'
import type { SignIn, SignInBox } from './sign-in/index.ts'
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

/** What was said on each connection so far. */
export type Talks<Box extends ClientBox> = (session: SMTPServerSession) => Said<Box>

export function openTalks<Box extends ClientBox>(): Talks<Box> {
  const said = new WeakMap<SMTPServerSession, Said<Box>>()
  return session => {
    const known: Said<Box> = said.get(session) ?? { recipients: new Map() }
    said.set(session, known)
    return known
  }
}

/** Commands of old that the library answers with a joke, and a scanner reports as an open back door. */
const JOKES = ['WIZ', 'SHELL', 'KILL']

/** smtp-server's options of one door: what it announces, and what each command of the dialogue asks of us. */
export function serverOptions<Box extends ClientBox>(options: ListenerOptions<Box>, talk: Talks<Box>): SMTPServerOptions {
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
