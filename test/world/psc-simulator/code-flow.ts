import { createHash, randomBytes } from 'node:crypto'

/** A web site that may send its visitors here. */
export interface WebClient {
  clientId: string
  clientSecret: string
  /** the one address that a browser is sent back to: compared as text (RFC 6749 §3.1.2.3) */
  redirectUri: string
}

/** What a test wants to be wrong with the next tokens. */
export interface Distortion {
  claims?: Record<string, unknown>
  without?: readonly string[]
  signed?: 'rs256' | 'other-key' | 'none'
  userinfo?: Record<string, unknown>
}

export interface Answer {
  status: number
  headers?: Record<string, string>
  json?: object
  html?: string
}

interface Code {
  subject: string
  nonce: string
  challenge: string
  until: number
}

const CODE_MS = 60_000
const TOKEN_SECONDS = 120

/**
 * Authorization code flow as Pro Santé Connect demands it (OpenID Connect Core §3.1; RFC 7636): its own scope and level of assurance, state, nonce and
 * PKCE with S256; a code is good once, for a minute, at one client. The page of the card is a form that asks who it is.
 */
export function openCodeFlow(options: {
  issuer: () => string
  client: WebClient
  /** who the page of the card offers */
  cards: () => readonly { subject: string; name: string }[]
  write(claims: object, signed: NonNullable<Distortion['signed']>): string
  now(): number
}) {
  const { issuer, client, cards, write, now } = options
  const codes = new Map<string, Code>()
  const tokens = new Map<string, { subject: string; until: number }>()
  let distortion: Distortion = {}

  /** RFC 6749 §4.1.2.1: what is wrong with the client is told here, what else to the client. */
  function faultOf(asked: URLSearchParams): { here?: string; there?: string } | undefined {
    const one = (name: string) => (asked.getAll(name).length === 1 ? (asked.get(name) ?? '') : '')
    if (one('client_id') !== client.clientId || one('redirect_uri') !== client.redirectUri) return { here: 'invalid_client' }
    if (one('response_type') !== 'code') return { there: 'unsupported_response_type' }
    if (one('scope') !== 'openid scope_all') return { there: 'invalid_scope' }
    const isWhole = one('state').length >= 16 && one('nonce').length >= 16 && one('acr_values') === 'eidas1'
    const hasPkce = one('code_challenge_method') === 'S256' && /^[\w-]{43}$/.test(one('code_challenge'))
    return isWhole && hasPkce ? undefined : { there: 'invalid_request' }
  }

  function back(asked: URLSearchParams, answer: Record<string, string>): Answer {
    const query = new URLSearchParams({ ...answer, state: asked.get('state') ?? '', iss: issuer() })
    return { status: 302, headers: { location: `${client.redirectUri}?${query}` } }
  }

  return {
    distort(wanted: Distortion) {
      distortion = wanted
    },

    /** GET: the page of the card. POST: a card was shown. */
    authorize(method: string, asked: URLSearchParams, form: URLSearchParams): Answer {
      const fault = faultOf(asked)
      if (fault?.here) return { status: 400, json: { error: fault.here } }
      if (fault?.there) return back(asked, { error: fault.there })
      if (method !== 'POST') return { status: 200, html: cardPage(cards()) }
      const subject = form.get('subject') ?? ''
      if (!subject) return back(asked, { error: 'access_denied' })
      const code = randomBytes(24).toString('base64url')
      codes.set(code, { subject, nonce: asked.get('nonce') ?? '', challenge: asked.get('code_challenge') ?? '', until: now() + CODE_MS })
      return back(asked, { code })
    },

    /** RFC 6749 §4.1.3, with the client's password in the form and nowhere else, as the service documents it. */
    token(authorization: string | undefined, form: URLSearchParams): Answer {
      const isClient = form.get('client_id') === client.clientId && form.get('client_secret') === client.clientSecret
      if (!isClient || authorization !== undefined) return { status: 401, json: { error: 'invalid_client' } }
      if (form.get('grant_type') !== 'authorization_code') return { status: 400, json: { error: 'unsupported_grant_type' } }
      const code = codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      const verifier = form.get('code_verifier') ?? ''
      const isProved = createHash('sha256').update(verifier).digest('base64url') === code?.challenge && verifier.length >= 43
      if (!code || code.until <= now() || !isProved || form.get('redirect_uri') !== client.redirectUri)
        return { status: 400, json: { error: 'invalid_grant' } }
      const access = randomBytes(24).toString('base64url')
      tokens.set(access, { subject: code.subject, until: now() + TOKEN_SECONDS * 1_000 })
      const id_token = write(idClaims(code), distortion.signed ?? 'rs256')
      return { status: 200, json: { access_token: access, token_type: 'Bearer', expires_in: TOKEN_SECONDS, id_token } }
    },

    userinfo(authorization: string | undefined): Answer {
      const known = tokens.get(/^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? '')
      if (!known || known.until <= now()) return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, json: {} }
      return { status: 200, json: { sub: `f:${known.subject}`, SubjectNameID: known.subject, ...distortion.userinfo } }
    },
  }

  function idClaims({ subject, nonce }: Code): object {
    const iat = Math.floor(now() / 1_000)
    const times = { iat, auth_time: iat, exp: iat + TOKEN_SECONDS }
    const claims: Record<string, unknown> = {
      ...{ iss: issuer(), sub: `f:${subject}`, aud: client.clientId, azp: client.clientId, typ: 'ID', nonce, acr: 'eidas1', ...times },
      SubjectNameID: subject,
      ...distortion.claims,
    }
    for (const name of distortion.without ?? []) delete claims[name]
    return claims
  }
}

function cardPage(cards: readonly { subject: string; name: string }[]): string {
  const options = cards.map(({ subject, name }) => `<option value="${subject}">${name.replaceAll(/[<&]/g, ' ')}</option>`).join('')
  return `<!doctype html><html lang="fr"><meta charset="utf-8"><title>Carte (simulateur)</title><h1>Pro Santé Connect (simulateur)</h1>
<form method="post"><label for="s">Carte de</label> <select id="s" name="subject">${options}</select> <button>Présenter la carte</button></form>`
}
