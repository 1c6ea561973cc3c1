import * as oidc from 'openid-client'
import { Agent, fetch } from 'undici'
import type { Configuration } from '../../../config/index.ts'
import { connector, openBlob, sealBlob, serviceTls } from '../../../crypto/index.ts'

export type PscOptions = NonNullable<NonNullable<Configuration['console']>['psc']>

/** `away`: nothing could be asked; `refused`: what came back is not what we asked for, or says no. */
export class PscFault extends Error {
  override readonly name = 'PscFault'
  readonly kind: 'away' | 'refused'
  /** a word for the log: nothing that came from outside */
  readonly reason: string
  constructor(kind: PscFault['kind'], reason: string, options?: ErrorOptions) {
    super(`Pro Santé Connect: ${reason}`, options)
    this.kind = kind
    this.reason = reason
  }
}

/** Pro Santé Connect as a web site uses it (OpenID Connect Core 1.0 §3.1, authorization code with PKCE, RFC 7636). */
export interface Professionals {
  /** @returns where the browser goes, and what it must bring back: sealed, it tells nothing */
  begin(): Promise<{ location: string; state: string }>
  /** @param state what `begin` gave @param search of the address that the browser came back to @throws PscFault */
  finish(state: string, search: string): Promise<{ idNatPs: string }>
  close(): Promise<void>
}

/** A doctor waits for it. */
const PATIENCE_MS = 5_000
const MOST_OCTETS = 256 * 1024
/** Keys and addresses of the issuer are asked for again after this. */
const KEPT_MS = 10 * 60_000
/** From the first page of Pro Santé Connect to ours: a card is looked for, a PIN is typed. */
const PATH_MS = 10 * 60_000
const PLACE = { purpose: 'console psc', context: 'cookie' }
/** What Pro Santé Connect asks of every service: its own scope, and this level of assurance. */
const ASKED = { scope: 'openid scope_all', acr_values: 'eidas1' }

/** @param options.authorities of its certificate, PEM, asked for at each connection; undefined: the machine's own ones @param options.secret of our client @param options.key 32 octets @param options.now milliseconds */
export function openProfessionals(options: {
  psc: PscOptions
  authorities: () => readonly string[] | undefined
  secret: string
  url: string
  key: Buffer
  now: () => number
}): Professionals {
  const { psc, authorities, secret, key, now } = options
  const redirectUri = `${options.url}/connexion/psc/retour`
  const agent = new Agent({ connect: connector(() => serviceTls(authorities()), PATIENCE_MS), maxResponseSize: MOST_OCTETS })
  let known: { issuer: oidc.Configuration; at: number } | undefined

  const ask: oidc.CustomFetch = async (url, asked) => {
    const answer = await fetch(url, { ...(asked as object), dispatcher: agent }).catch(cause => {
      throw new PscFault('away', 'unreachable', { cause })
    })
    if (answer.status >= 500) throw new PscFault('away', `status-${answer.status}`)
    return answer as unknown as Response
  }

  async function issuer(): Promise<oidc.Configuration> {
    if (known && now() - known.at < KEPT_MS) return known.issuer
    const settings = { [oidc.customFetch]: ask, timeout: PATIENCE_MS / 1_000, execute: [oidc.enableNonRepudiationChecks] }
    const found = await oidc.discovery(new URL(psc.issuer), psc.clientId, undefined, oidc.ClientSecretPost(secret), settings)
    known = { issuer: found, at: now() }
    return found
  }

  async function finish(sealed: string, search: string): Promise<{ idNatPs: string }> {
    const begun = begunIn(openBlob(key, PLACE, Buffer.from(sealed, 'base64url'))?.toString(), now())
    const configuration = await issuer()
    const tokens = await oidc.authorizationCodeGrant(configuration, new URL(redirectUri + search), {
      expectedState: begun.state,
      expectedNonce: begun.nonce,
      pkceCodeVerifier: begun.verifier,
      idTokenExpected: true,
    })
    const claims = tokens.claims()
    if (!claims) throw new PscFault('refused', 'no-id-token')
    if (claims.acr !== ASKED.acr_values) throw new PscFault('refused', 'acr')
    const user = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)
    return { idNatPs: nationalIdOf(claims.SubjectNameID, user.SubjectNameID) }
  }

  return {
    begin: () =>
      told(async () => {
        const configuration = await issuer()
        const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()]
        const code_challenge = await oidc.calculatePKCECodeChallenge(verifier)
        const asked = { redirect_uri: redirectUri, ...ASKED, state, nonce, code_challenge, code_challenge_method: 'S256' }
        const location = oidc.buildAuthorizationUrl(configuration, asked).href
        const begun: Begun = { state, nonce, verifier, until: now() + PATH_MS }
        return { location, state: sealBlob(key, PLACE, Buffer.from(JSON.stringify(begun))).toString('base64url') }
      }),
    finish: (sealed, search) => told(() => finish(sealed, search)),
    close: () => agent.destroy(),
  }
}

interface Begun {
  state: string
  nonce: string
  verifier: string
  until: number
}

/** Only the browser that began may finish, and in time. */
function begunIn(text: string | undefined, now: number): Begun {
  if (text === undefined) throw new PscFault('refused', 'not-begun-here')
  const begun = JSON.parse(text) as Begun
  if (begun.until <= now) throw new PscFault('refused', 'too-late')
  return begun
}

/** `SubjectNameID`: `8` and the RPPS number. The token says it, or the user's information; where both do, they agree. */
function nationalIdOf(...claims: readonly unknown[]): string {
  const said = claims.filter(claim => claim !== undefined)
  const [id] = said
  if (typeof id !== 'string' || !/^[0-9A-Za-z/-]{1,64}$/.test(id) || said.some(other => other !== id))
    throw new PscFault('refused', 'no-national-id')
  return id
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) if (cause instanceof PscFault) throw cause
    const code = (error as { code?: unknown }).code
    // Its own words may quote what came from outside.
    throw new PscFault(code === 'OAUTH_TIMEOUT' ? 'away' : 'refused', typeof code === 'string' ? code : 'not-confirmed', { cause: error })
  }
}
