import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { listen, trackSockets } from '../dmp-simulator/server.ts'
import type { Issued } from '../pki.ts'
import { type Answer, type Distortion, openCodeFlow, type WebClient } from './code-flow.ts'
import { jwksOf, type MintOptions, newIssuerKeys, writeToken } from './mint.ts'

/** `down`: connections are cut; `slow`: the answer never comes; `http-500`. For the paths that contain `path`, or for all. */
export type PscFault = { kind: 'down' | 'slow' | 'http-500'; path?: 'certs' | 'introspect' | 'token' }

/** Pro Santé Connect as a resource server sees it: discovery, keys, introspection. Who wants a token asks for it in-process. */
export interface PscSimulator extends AsyncDisposable {
  readonly issuer: string
  readonly jwks: string
  readonly introspection: { url: string; clientId: string; clientSecret: string }
  /** The client id of the software that brings the tokens. */
  readonly audience: string
  /** Every request so far: method, last part of the path, status of the answer. */
  readonly requests: readonly { method: string; path: string; status: number }[]
  mint(options: MintOptions): string
  /** The session was ended: the token is not active any more. */
  end(token: string): void
  /** The one web site whose visitors sign in here; `register` says where they are sent back to. */
  readonly web: { clientId: string; clientSecret: string }
  register(site: { redirectUri: string; cards: readonly { subject: string; name: string }[] }): void
  /** What is wrong with the tokens of web sites, from now on. */
  distort(wanted: Distortion): void
  /** New keys, from now on. */
  rotate(): void
  setFault(fault: PscFault | undefined): void
  close(): Promise<void>
}

const REALM = '/auth/realms/esante-wallet'
const MOST_OCTETS = 64 * 1024

/**
 * @param options.certificate server certificate (its chain after it) that covers 127.0.0.1
 * @param options.now milliseconds
 */
export async function startPscSimulator(options: {
  certificate: Pick<Issued, 'certificatePem' | 'keyPem'>
  now(): number
  port?: number
}): Promise<PscSimulator> {
  const { certificate, now } = options
  const [clientId, clientSecret, audience] = ['pli', randomBytes(24).toString('base64url'), 'logiciel-de-cabinet']
  const tokens = new Map<string, { exp: number } & Record<string, unknown>>()
  const requests: { method: string; path: string; status: number }[] = []
  let keys = newIssuerKeys()
  let fault: PscFault | undefined
  const web: WebClient = { clientId: 'pli-console', clientSecret: randomBytes(24).toString('base64url'), redirectUri: '' }
  let cards: readonly { subject: string; name: string }[] = []
  const flow = openCodeFlow({
    issuer: () => issuer,
    client: web,
    cards: () => cards,
    write: (claims, signed) => writeToken(claims, keys, signed),
    now,
  })

  const server = createServer({ cert: certificate.certificatePem, key: certificate.keyPem }, (request, response) => {
    const path = new URL(request.url ?? '/', issuer).pathname.split('/').at(-1) ?? ''
    response.on('finish', () => requests.push({ method: request.method ?? '', path, status: response.statusCode }))
    const isFaulty = fault !== undefined && (fault.path ?? path) === path
    if (isFaulty && fault?.kind === 'slow') return
    if (isFaulty && fault?.kind === 'down') return void request.socket.destroy()
    void answer(isFaulty ? 'http-500' : path, request, response)
  })
  const sockets = trackSockets(server, () => (fault?.kind === 'down' && fault.path === undefined ? 'down' : undefined))
  const port = await listen(server, options.port ?? 0, '127.0.0.1')
  const issuer = `https://127.0.0.1:${port}${REALM}`
  const connect = `${issuer}/protocol/openid-connect`
  const introspection = { url: `${connect}/token/introspect`, clientId, clientSecret }

  async function answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path === 'http-500') return send(response, 500, { error: 'server_error' })
    if (path === 'introspect') return introspect(request, response)
    if (path === 'auth') {
      const { searchParams } = new URL(request.url ?? '/', issuer)
      return give(response, flow.authorize(request.method ?? '', searchParams, new URLSearchParams(await bodyOf(request))))
    }
    const { authorization } = request.headers
    if (path === 'token' && request.method === 'POST')
      return give(response, flow.token(authorization, new URLSearchParams(await bodyOf(request))))
    if (path === 'userinfo') return give(response, flow.userinfo(authorization))
    if (request.method !== 'GET') return send(response, 405, { error: 'invalid_request' })
    if (path === 'certs') return send(response, 200, jwksOf(keys))
    if (path === 'openid-configuration') {
      return send(response, 200, discovery())
    }
    send(response, 404, { error: 'not_found' })
  }

  function discovery() {
    return {
      issuer,
      jwks_uri: `${connect}/certs`,
      introspection_endpoint: introspection.url,
      authorization_endpoint: `${connect}/auth`,
      token_endpoint: `${connect}/token`,
      userinfo_endpoint: `${connect}/userinfo`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
    }
  }

  /** RFC 7662, with the client's password in the header and nowhere else (RFC 6749 §2.3.1). */
  async function introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await bodyOf(request))
    const expected = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded'
    if (request.method !== 'POST' || !isForm || form.getAll('token').length !== 1) return send(response, 400, { error: 'invalid_request' })
    if (request.headers.authorization !== expected || form.has('client_secret')) return send(response, 401, { error: 'invalid_client' })
    const known = tokens.get(form.get('token') ?? '')
    const isActive = known !== undefined && known.exp * 1_000 > now()
    send(response, 200, isActive ? { active: true, ...known } : { active: false })
  }

  function mint(asked: MintOptions): string {
    const { subject, subjectIn = 'both', introspectedSubject = subject, signed = 'rs256' } = asked
    const iat = Math.floor(now() / 1_000)
    const common = { iss: asked.issuer ?? issuer, sub: `f:${randomUUID()}`, exp: iat + (asked.expiresIn ?? 240), iat, jti: randomUUID() }
    const claims: Record<string, unknown> = {
      ...common,
      ...(asked.notBefore === undefined ? {} : { nbf: iat + asked.notBefore }),
      aud: asked.audience ?? audience,
      azp: asked.azp ?? asked.audience ?? audience,
      typ: asked.typ ?? 'Bearer',
      acr: 'eidas1',
      ...(subject !== undefined && subjectIn !== 'introspection' ? { SubjectNameID: subject } : {}),
    }
    for (const name of asked.without ?? []) delete claims[name]
    const token = writeToken(claims, keys, signed)
    const said = introspectedSubject !== undefined && subjectIn !== 'token' ? { SubjectNameID: introspectedSubject } : {}
    // Whatever is wrong with a token, this says that it is active: who relies on the introspection alone lets it in.
    tokens.set(token, { ...common, exp: Math.max(common.exp, iat + 60), client_id: audience, ...said })
    return token
  }

  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      sockets.cutAll()
    })
  return {
    issuer,
    jwks: `${connect}/certs`,
    introspection,
    audience,
    requests,
    web,
    register(site) {
      web.redirectUri = site.redirectUri
      cards = site.cards
    },
    distort: flow.distort,
    mint,
    end: token => void tokens.delete(token),
    rotate() {
      keys = newIssuerKeys()
    },
    setFault(wanted) {
      fault = wanted
      if (wanted?.kind === 'down') sockets.cutAll()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function give(response: ServerResponse, { status, headers, json, html }: Answer): void {
  const type = html === undefined ? 'application/json' : 'text/html; charset=utf-8'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers }).end(html ?? JSON.stringify(json ?? {}))
}

function send(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(value))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) {
    body += chunk
    if (body.length > MOST_OCTETS) throw new Error('the request is too large')
  }
  return body
}
