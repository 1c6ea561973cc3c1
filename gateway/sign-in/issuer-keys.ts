import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { NationalService } from './national-service.ts'

/** Keys are fetched again after this, and not used once it has passed and they can't be. */
const KEPT_MS = 10 * 60_000
/** A token that names an unknown key makes us ask once; a thousand of them in a minute, no more than twice. */
const COOLDOWN_MS = 30_000

/**
 * The keys of the issuer (RFC 7517), fetched when they are needed and when one is unknown: issuers change theirs without notice.
 * @param options.now milliseconds
 * @returns what `jwtVerify` asks for a key; it throws JWKSNoMatchingKey for a key that the issuer does not have, another error when the issuer can't be asked
 */
export function openIssuerKeys(options: { url: string; service: NationalService; now(): number }): JWTVerifyGetKey {
  const { url, service, now } = options
  let known: { find: JWTVerifyGetKey; at: number } | undefined
  let fetching: Promise<{ find: JWTVerifyGetKey; at: number }> | undefined

  async function fetchKeys() {
    const find = createLocalJWKSet((await service.json(url)) as JSONWebKeySet)
    known = { find, at: now() }
    return known
  }

  /** Whoever comes while they are on their way waits for the same answer. */
  function fetched() {
    fetching ??= fetchKeys().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  return async (header, token) => {
    const keys = known && now() - known.at < KEPT_MS ? known : await fetched()
    try {
      return await keys.find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || now() - keys.at < COOLDOWN_MS) throw error
      return (await fetched()).find(header, token)
    }
  }
}
