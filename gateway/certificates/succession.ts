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
 * encrypted to now, longer than the first.
 * @returns their places
 */
export function succeeded(openers: readonly Opener[], standards: Standards): Set<string> {
  const known = openers.map(({ place, identity }) => ({
    place,
    until: identity.facts.notAfter,
    names: ownAddresses(identity, standards.configuration),
    isUsable: isInItsDates(identity, standards.at) && unfitnessOf(place, identity, standards).length === 0,
  }))
  return new Set(
    known
      .filter(entry => {
        const others = known.filter(other => other !== entry && other.isUsable && (!entry.isUsable || other.until > entry.until))
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
