import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { SMTPServerSession } from 'smtp-server'
import { Refusal } from '../refusals.ts'
import type { SignIn, SignInBox } from './index.ts'
import { decodeText, parseOauthBearer, parsePlain, parseXoauth2 } from './sasl-messages.ts'

/** What signing in needs of smtp-server's connection. */
export interface SaslConnection {
  session: SMTPServerSession
  _socket: Socket
  /** Takes the next line, in place of a command. */
  _nextHandler: unknown
  handler_AUTH: unknown
  send(code: number, text?: unknown, context?: unknown): void
  _transmissionType(): string
}

export interface SaslOptions<Box extends SignInBox> {
  signIn: SignIn<Box>
  signedIn(session: SMTPServerSession, box: Box, by: string): void
  /** Tells the log. @returns the refusal that a thrown value is */
  refused(session: SMTPServerSession, error: unknown): Refusal
}

type Next = () => void
/** Sends a challenge. @returns the client's response, decoded */
type Ask = (challenge: string) => Promise<Buffer>
type Mechanism<Box extends SignInBox> = (talk: Talk, signIn: SignIn<Box>) => Promise<Box>

interface Talk {
  /** The response that came with the command (RFC 4954 §4), if one did. */
  initial: Buffer | undefined
  ask: Ask
  socket: TLSSocket
  from: string
}

/** RFC 4616. */
async function plain<Box extends SignInBox>({ initial, ask, from }: Talk, signIn: SignIn<Box>): Promise<Box> {
  const { address, password } = parsePlain(initial ?? (await ask('')))
  return signIn.password({ address, password, from })
}

/** draft-murchison-sasl-login: two questions. A client may answer the first one with the command. */
async function login<Box extends SignInBox>({ initial, ask, from }: Talk, signIn: SignIn<Box>): Promise<Box> {
  const address = decodeText(initial ?? (await ask('Username:')))
  const password = decodeText(await ask('Password:'))
  return signIn.password({ address, password, from })
}

/** As Google describes it, and as Référentiel #2 wants it (ECO.1.2.1). */
async function xoauth2<Box extends SignInBox>({ initial, ask, from }: Talk, signIn: SignIn<Box>): Promise<Box> {
  const { address, token } = parseXoauth2(initial ?? (await ask('')))
  return challenged(ask, { status: '401', schemes: 'bearer', scope: 'mail' }, () => signIn.token({ address, token, from }))
}

/** RFC 7628. */
async function oauthBearer<Box extends SignInBox>({ initial, ask, from }: Talk, signIn: SignIn<Box>): Promise<Box> {
  const { address, token } = parseOauthBearer(initial ?? (await ask('')))
  const challenge = { status: 'invalid_token', scope: 'mail', 'openid-configuration': signIn.tokens?.openidConfiguration }
  return challenged(ask, challenge, () => signIn.token({ address, token, from }))
}

/** RFC 4422 appendix A: the certificate of the TLS connection, and perhaps the box that is meant. */
async function external<Box extends SignInBox>({ initial, ask, from, socket }: Talk, signIn: SignIn<Box>): Promise<Box> {
  const address = decodeText(initial ?? (await ask('')))
  return signIn.certificate({ address, socket, from })
}

/** A refused token is told in JSON first, so that software fetches another; then, after its empty answer, in words (RFC 7628 §3.2.3). */
async function challenged<Box>(ask: Ask, challenge: object, check: () => Promise<Box>): Promise<Box> {
  try {
    return await check()
  } catch (error) {
    if (error instanceof Refusal && error.code === 535) await ask(JSON.stringify(challenge))
    throw error
  }
}

const MECHANISMS = { PLAIN: plain, LOGIN: login, XOAUTH2: xoauth2, OAUTHBEARER: oauthBearer, EXTERNAL: external } as const
type MechanismName = keyof typeof MECHANISMS

/** The mechanisms that can work on this connection; none that can't is announced. */
export function offered<Box extends SignInBox>(signIn: SignIn<Box>, socket: Socket): MechanismName[] {
  const isCertified = signIn.certificates?.isShown(socket as TLSSocket) === true
  return [
    'PLAIN',
    'LOGIN',
    ...(signIn.tokens ? (['XOAUTH2', 'OAUTHBEARER'] as const) : []),
    ...(isCertified ? (['EXTERNAL'] as const) : []),
  ]
}

/** Takes AUTH over from smtp-server on one connection: it knows neither OAUTHBEARER nor EXTERNAL, and announces the same to everybody. */
export function takeAuth<Box extends SignInBox>(connection: SaslConnection, options: SaslOptions<Box>): void {
  const { signIn } = options
  connection.handler_AUTH = (command: Buffer, next: Next) => {
    const [, name = '', initial, ...more] = command.toString('latin1').trim().split(/\s+/)
    const exchange = openExchange(connection, next)
    const work = async (): Promise<Box> => {
      const mechanism = mechanismNamed(name, signIn)
      if (connection.session.user) throw new Refusal('authenticationDone')
      if (!mechanism || more.length > 0) throw new Refusal(mechanism ? 'authenticationMalformed' : 'mechanismUnknown')
      const { _socket: socket, session } = connection
      const talk = { ask: exchange.ask, socket: socket as TLSSocket, from: session.remoteAddress }
      return mechanism({ ...talk, initial: initial === undefined ? undefined : decodeResponse(initial) }, signIn)
    }
    void work().then(
      box => {
        options.signedIn(connection.session, box, name.toUpperCase())
        connection.session.user = box.address
        connection.session.transmissionType = connection._transmissionType()
        exchange.end(() => connection.send(235, 'Authentication successful'))
      },
      error => {
        const { code, status, message } = options.refused(connection.session, error)
        exchange.end(() => connection.send(code, `${status} ${message}`))
      },
    )
  }
}

/** EXTERNAL is taken where certificates are, also from who showed none: the answer says so. */
function mechanismNamed<Box extends SignInBox>(name: string, signIn: SignIn<Box>): Mechanism<Box> | undefined {
  const upper = name.toUpperCase()
  const isTaken = { XOAUTH2: signIn.tokens, OAUTHBEARER: signIn.tokens, EXTERNAL: signIn.certificates, PLAIN: true, LOGIN: true }
  return upper in MECHANISMS && isTaken[upper as MechanismName] ? MECHANISMS[upper as MechanismName] : undefined
}

/** One command whose lines come one after the other: each is handed to whoever asked, and the next is read once that one asks again or has ended. */
function openExchange(connection: SaslConnection, first: Next) {
  let next = first
  const ask: Ask = challenge =>
    new Promise((resolve, reject) => {
      connection._nextHandler = (line: Buffer, following: Next) => {
        next = following
        try {
          resolve(decodeResponse(line.toString('latin1').trim()))
        } catch (error) {
          reject(error)
        }
      }
      connection.send(334, Buffer.from(challenge).toString('base64'))
      next()
    })
  return {
    ask,
    end(reply: () => void): void {
      reply()
      next()
    },
  }
}

/** RFC 4954 §4: base64, `=` for an empty initial response, `*` to cancel. */
function decodeResponse(line: string): Buffer {
  if (line === '*') throw new Refusal('authenticationCancelled')
  const text = line === '=' ? '' : line
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) throw new Refusal('authenticationMalformed')
  return Buffer.from(text, 'base64')
}
