import type { Identity } from '../../crypto/index.ts'
import { domainOf } from '../address.ts'
import { CONFIDENTIALITY_AUTHORITY } from '../opening/learning.ts'
import { ownAddresses, type Standards, unfitnessOf } from './fitness.ts'

/** An entry of `smime.encryption`. */
export interface Opener {
  place: string
  identity: Identity
}

/**
 * The entries that nobody needs any more but for what is under way: each name of theirs is one of another entry too, or in its domain, and that one may be
 * encrypted to now, longer than the first. One that was revoked needs another that is no older: of a stolen key its owner must hear, though the certificate of
 * before still stands beside it.
 * @returns their places
 */
export function succeeded(openers: readonly Opener[], standards: Standards): Set<string> {
  const known = openers.map(({ place, identity }) => {
    const faults = unfitnessOf(place, identity, standards)
    return {
      place,
      from: identity.facts.notBefore,
      until: identity.facts.notAfter,
      names: ownAddresses(identity, standards.configuration),
      isUsable: isInItsDates(identity, standards.at) && faults.length === 0,
      isRevoked: faults.some(({ why }) => why === 'revoked'),
    }
  })
  return new Set(
    known
      .filter(entry => {
        const others = known.filter(other => {
          if (other === entry || !other.isUsable) return false
          return other.until > entry.until || (entry.isRevoked ? other.from >= entry.from : !entry.isUsable)
        })
        return entry.names.every(name => others.some(({ names }) => standsFor(names, name)))
      })
      .map(({ place }) => place),
  )
}

function isInItsDates({ facts: { notBefore, notAfter } }: Identity, at: Date): boolean {
  return notBefore <= at && at <= notAfter
}

function standsFor(names: readonly string[], name: string): boolean {
  return names.includes(name) || names.includes(`${CONFIDENTIALITY_AUTHORITY}@${domainOf(name)}`)
}
