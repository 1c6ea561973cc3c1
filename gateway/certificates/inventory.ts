import type { Configuration } from '../../config/index.ts'
import {
  type AnchorFiles,
  type Anchors,
  type CertificateFacts,
  type Identity,
  type ListDates,
  loadAnchors,
  loadOpener,
} from '../../crypto/index.ts'
import { stampOf } from '../follow.ts'
import { anchorFiles, type TrustFiles, trustPlaces } from '../revocation/index.ts'
import { opensMail, type Standards, type Unfitness, unfitnessOf, wordsOf } from './fitness.ts'
import { identityPlaces } from './identities.ts'
import { succeeded } from './succession.ts'

/** A certificate that a configuration names. */
export interface NamedCertificate {
  /** Where: `tls`, `smime.encryption.0`, `whiteList`, … */
  place: string
  kind: 'own' | 'authority'
  facts: CertificateFacts
  /** Of one of ours: whether a list in use or a responder says so. */
  isRevoked?: boolean
}

/** One on the disk. */
export interface FoundCertificate extends NamedCertificate {
  /** Why others would not take it in its place, but for its end. */
  wrong?: string
  /** Of what opens mail. `succeeded`: another one that may be encrypted to stands in for it. `kept`: so it does, and this one has ended or was revoked. */
  standing?: 'succeeded' | 'kept'
}

/** What lies on the disk now, with what can't be read of it. */
export interface Inventory {
  certificates: FoundCertificate[]
  lists: ({ place: string } & ListDates)[]
  faults: { place: string; reason: string }[]
}

/**
 * Reads every certificate that a configuration names, whatever its dates, and the dates of the revocation lists. Never throws for a file.
 * @param now milliseconds
 */
export function takeInventory(configuration: Configuration, now: number): Inventory {
  const inventory: Inventory = { certificates: [], lists: [], faults: [] }
  const read = (place: string, work: () => void) => {
    try {
      work()
    } catch (error) {
      inventory.faults.push({ place, reason: (error as Error).message })
    }
  }
  let anchors: Anchors | undefined
  for (const [place, trust] of Object.entries(judgingPlaces(configuration)))
    read(place, () => {
      const loaded = loadAnchors(anchorFiles(trust, configuration.data))
      if (place === 'tls') anchors = loaded
      inventory.certificates.push(...loaded.authorities().map(facts => authority(place, facts)))
      inventory.lists.push(...loaded.lists().map(list => ({ place, ...list })))
    })
  for (const [place, files] of servicePlaces(configuration))
    read(place, () => inventory.certificates.push(...authoritiesIn(place, { anchors: files })))
  const identities: { place: string; identity: Identity }[] = []
  for (const { place, files } of identityPlaces(configuration)) read(place, () => identities.push({ place, identity: loadOpener(files) }))
  inventory.certificates.unshift(...ownCertificates(identities, { configuration, anchors, at: new Date(now) }))
  return inventory
}

/**
 * The authorities alone, without lists or keys: cheap enough for whoever looks at them while mail is waiting.
 * @returns what looks at the files; those of a place are read again when one was written or replaced, and stay as they were while they can't be read
 */
export function watchAuthorities(configuration: Configuration): () => NamedCertificate[] {
  const judging = Object.entries(judgingPlaces(configuration)).map(([place, { anchors, authorities }]) => {
    return watchPlace(place, { anchors, authorities })
  })
  const serving = servicePlaces(configuration).map(([place, anchors]) => watchPlace(place, { anchors }))
  const all = [...judging, ...serving]
  return () => all.flatMap(look => look())
}

function watchPlace(place: string, files: AuthorityFiles): () => NamedCertificate[] {
  const paths = [...files.anchors, ...(files.authorities ?? []).map(({ certificate }) => certificate)]
  let known: string | undefined
  let found: NamedCertificate[] = []
  return () => {
    try {
      const stamp = stampOf(paths)
      if (stamp === undefined || stamp === known) return found
      found = authoritiesIn(place, files)
      known = stamp
    } catch {
      // Whoever trusts them tells of it.
    }
    return found
  }
}

type AuthorityFiles = Pick<AnchorFiles, 'anchors' | 'authorities'>

function authoritiesIn(place: string, files: AuthorityFiles): NamedCertificate[] {
  return loadAnchors({ ...files, crls: [] })
    .authorities()
    .map(facts => authority(place, facts))
}

/** Authorities of those whose certificates we judge ourselves, with lists. */
function judgingPlaces(configuration: Configuration): Record<string, TrustFiles> {
  const { timeStamp } = configuration
  return { ...trustPlaces(configuration), ...(timeStamp && { timeStamp: { ...timeStamp, authorities: [] } }) }
}

function ownCertificates(identities: readonly { place: string; identity: Identity }[], standards: Standards): FoundCertificate[] {
  const old = succeeded(
    identities.filter(({ place }) => opensMail(place)),
    standards,
  )
  return identities.map(({ place, identity }) => {
    const faults = unfitnessOf(place, identity, standards)
    // Its own end has a state of its own; that of an authority of it has none.
    const isOver = identity.facts.notAfter < standards.at
    const hasEnded = faults.some(({ why }) => ENDED.includes(why)) || isOver
    const standing = old.has(place) ? { standing: hasEnded ? ('kept' as const) : ('succeeded' as const) } : {}
    const wrong = faults.filter(({ why }) => !(why === 'expired' && isOver) && !(opensMail(place) && isBorne(why, old.has(place))))
    return { place, kind: 'own', facts: identity.facts, ...standing, ...(wrong.length > 0 && { wrong: wordsOf(place, wrong) }) }
  })
}

const ENDED: readonly Unfitness['why'][] = ['expired', 'revoked']

/** What opens mail may lie there before its time, and after it was revoked, or its authority has ended, once another stands in for it. */
function isBorne(why: Unfitness['why'], isSucceeded: boolean): boolean {
  return why === 'not-yet-valid' || (ENDED.includes(why) && isSucceeded)
}

function authority(place: string, facts: CertificateFacts): FoundCertificate {
  return { place, kind: 'authority', facts }
}

/** Authorities of public services: OpenSSL alone judges these, without lists. */
function servicePlaces({ directory, signIn, console, timeStamp }: Configuration): [string, readonly string[]][] {
  const services = {
    ...{ 'directory.fhir': directory.fhir, 'signIn.psc': signIn.psc, 'console.psc': console?.psc },
    'timeStamp.httpsAnchors': { anchors: timeStamp?.httpsAnchors },
  }
  return Object.entries(services).flatMap(([place, service]) => (service?.anchors ? [[place, service.anchors]] : []))
}

const DAY = 86_400_000

/** Whole days that are left; negative once it has ended. @param now milliseconds */
export function daysLeft({ notAfter }: Pick<CertificateFacts, 'notAfter'>, now: number): number {
  return Math.floor((notAfter.getTime() - now) / DAY)
}
