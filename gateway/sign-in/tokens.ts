import { createHash } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { Refusal } from '../refusals.ts'
import { openIssuerKeys } from './issuer-keys.ts'
import type { NationalService } from './national-service.ts'

/** Signatures only: with `none` or a shared secret (HS…) anybody could write a token. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']
/** Tokens of Pro Santé Connect have some kilobytes; RFC 4954 §4 has 12,288 octets for the whole line. */
const MOST_CHARACTERS = 9_000
/** A session that is ended is felt within this time; a mail program that opens four connections at once asks once. */
const TRUSTED_MS = 30_000
const MOST_REMEMBERED = 10_000

/** Whose token it is. */
export interface Holder {
  /** `SubjectNameID`: `8` and the RPPS number (spec mssante §2.1). */
  readonly idNatPs: string
}

export interface Tokens {
  /** For the client that has to fetch a new token (RFC 7628 §3.2.2). */
  readonly openidConfiguration: string
  /**
   * @returns the holder of a token that is genuine, for our clients, not expired, and still active
   * @throws Refusal that says what is wrong with it, or authenticationUnavailable when that can't be known
   */
  check(token: string): Promise<Holder>
  close(): Promise<void>
}

export interface TokensOptions {
  issuer: string
  /** URL of the issuer's keys. */
  jwks: string
  introspection: { url: string; clientId: string; clientSecret: string }
  /** Client ids of the software that may bring tokens. */
  audience: readonly string[]
  service: NationalService
  /** milliseconds */
  now(): number
}

/** Access tokens of Pro Santé Connect (OpenID Connect, RFC 7519, RFC 7662). */
export function openTokens(options: TokensOptions): Tokens {
  const { issuer, audience, introspection, service, now } = options
  const keys = openIssuerKeys({ url: options.jwks, service, now })
  const active = new Map<string, { holder: Holder; until: number }>()
  const { clientId, clientSecret } = introspection
  // RFC 6749 §2.3.1: each is form-encoded before they are joined.
  const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')

  async function signed(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp'],
        currentDate: new Date(now()),
        clockTolerance: 0,
      })
      return payload
    } catch (error) {
      throw refusalOf(error)
    }
  }

  /** RFC 7662 §2.2. */
  async function introspected(token: string): Promise<JWTPayload> {
    const fields = { token, token_type_hint: 'access_token' }
    const answer = await service.json(introspection.url, { basic, fields }).catch(unavailable)
    if (typeof answer !== 'object' || answer === null) return unavailable(new Error('the introspection answer is no object'))
    if ((answer as { active?: unknown }).active !== true) throw new Refusal('tokenInactive')
    return answer as JWTPayload
  }

  async function checkAnew(token: string): Promise<{ holder: Holder; until: number }> {
    const claims = await signed(token)
    checkAudience(claims, audience)
    const answer = await introspected(token)
    const ends = Math.min(...[claims.exp, answer.exp].filter(exp => typeof exp === 'number')) * 1_000
    if (ends <= now()) throw expired(ends)
    if (answer.sub !== undefined && answer.sub !== claims.sub)
      throw new Refusal('tokenNotGenuine', 'it is told apart from its introspection')
    return { holder: { idNatPs: subjectOf(claims, answer) }, until: Math.min(ends, now() + TRUSTED_MS) }
  }

  return {
    openidConfiguration: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    async check(token) {
      if (token.length > MOST_CHARACTERS) throw new Refusal('tokenMalformed', `it has more than ${MOST_CHARACTERS} characters`)
      const key = createHash('sha256').update(token).digest('base64')
      const known = active.get(key)
      if (known && now() < known.until) return known.holder
      const checked = await checkAnew(token)
      if (active.size >= MOST_REMEMBERED) active.clear()
      active.set(key, checked)
      return checked.holder
    },
    close: () => service.close(),
  }
}

/** `aud`, or the party that it was issued to (`azp`), is one of our clients. An identity token, whose `typ` says so, opens nothing. */
function checkAudience({ aud, azp, typ }: JWTPayload, audience: readonly string[]): void {
  if (typ !== undefined && typ !== 'Bearer') throw new Refusal('tokenForOthers', 'it is no access token')
  const named = [aud, azp].flat()
  if (!named.some(name => typeof name === 'string' && audience.includes(name))) {
    throw new Refusal('tokenForOthers', 'its audience (aud, azp) is none of the software that this operator knows')
  }
}

/** The token says it, or the introspection; where both do, they agree. */
function subjectOf(claims: JWTPayload, answer: JWTPayload): string {
  const said = [claims.SubjectNameID, answer.SubjectNameID].filter(value => value !== undefined)
  const [idNatPs] = said
  const isOne = typeof idNatPs === 'string' && /^[\x21-\x7e]{1,64}$/.test(idNatPs) && said.every(value => value === idNatPs)
  if (!isOne) throw new Refusal('tokenNotYourBox', 'it names no professional (SubjectNameID)')
  return idNatPs
}

function expired(ends: number): Refusal {
  return new Refusal('tokenExpired', `it ended at ${new Date(ends).toISOString()}`)
}

function unavailable(cause: unknown): never {
  throw new Refusal('authenticationUnavailable', undefined, { cause })
}

/** What jose says, for the sender. What is none of its verdicts on the token is the issuer's keys that could not be had. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired && typeof error.payload.exp === 'number') return expired(error.payload.exp * 1_000)
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error)
  if (error instanceof errors.JOSEAlgNotAllowed) return new Refusal('tokenNotGenuine', 'it is not signed with an accepted algorithm')
  if (error instanceof errors.JWSSignatureVerificationFailed) return new Refusal('tokenNotGenuine', 'its signature is wrong')
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return new Refusal('tokenNotGenuine', 'its key is not one of the issuer')
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid || error instanceof errors.JOSENotSupported) {
    return new Refusal('tokenMalformed')
  }
  return new Refusal('authenticationUnavailable', undefined, { cause: error })
}

function claimRefusal({ claim }: errors.JWTClaimValidationFailed): Refusal {
  if (claim === 'iss') return new Refusal('tokenNotGenuine', 'another issuer wrote it')
  if (claim === 'nbf') return new Refusal('tokenExpired', 'it is not valid yet: is a clock wrong?')
  return new Refusal('tokenMalformed', `its claim "${claim.replace(/[^\w-]/g, '?').slice(0, 30)}" is missing or wrong`)
}
