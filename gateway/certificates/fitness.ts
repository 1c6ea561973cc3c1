import type { Configuration } from '../../config/index.ts'
import {
  type Anchors,
  faultsOfOwn,
  formatName,
  type Identity,
  type IdentityFiles,
  loadIdentity,
  loadOpener,
  ownNames,
  type PeerFault,
  type Usage,
} from '../../crypto/index.ts'
import { domainOf } from '../address.ts'
import { CONFIDENTIALITY_AUTHORITY } from '../opening/learning.ts'

/** Where a configuration names a certificate of ours, and its files. */
export interface OwnPlace {
  /** `tls`, `smime.encryption.0`, … */
  place: string
  files: IdentityFiles
}

/** What the others go by. */
export interface Standards {
  configuration: Pick<Configuration, 'domains' | 'hostname'>
  /** Authorities of the trust space; without them a chain is not judged. */
  anchors: Anchors | undefined
  at: Date
}

export interface Unfitness {
  why: PeerFault | 'wrong-name'
  /** English; it names no file. */
  detail: string
}

/**
 * What each place is for, in the words of the IGC-Santé, and who judges what lies there. `inSpace`: the other operators (and ourselves, of our proofs and
 * checkpoints), with the authorities of the trust space. Which ones the DMP knows is not ours to say; what theirs have revoked, it refuses too.
 */
const RULES: Record<string, { usage: Usage; offer: string; inSpace: boolean }> = {
  tls: { usage: 'server', offer: 'SERV SSL', inSpace: true },
  signature: { usage: 'signature', offer: 'ORG SIGN or SERV S/MIME', inSpace: true },
  'smime.encryption': { usage: 'encryption', offer: 'SERV CONF or SERV S/MIME', inSpace: true },
  'dmp.client': { usage: 'client', offer: 'ORG AUTH_CLI', inSpace: false },
  'dmp.signature': { usage: 'signature', offer: 'ORG SIGN', inSpace: false },
}

/** What only time does to a certificate: one that opens mail opens what came before all the same. */
const BY_TIME: readonly Unfitness['why'][] = ['expired', 'not-yet-valid', 'revoked']

/** Whether it opens mail that comes encrypted to us: such a one serves beyond its end. */
export function opensMail(place: string): boolean {
  return place.startsWith('smime.encryption.')
}

/** @returns everything for which the others would not take a certificate of ours from this place; empty when they would */
export function unfitnessOf(place: string, identity: Identity, { configuration, anchors, at }: Standards): Unfitness[] {
  const { usage, inSpace } = ruleOf(place)
  // Nobody encrypts to it any more: its authority, or the domain that it names, may be gone as well.
  if (opensMail(place) && at > identity.facts.notAfter) return [{ why: 'expired', detail: 'certificate has expired' }]
  const judged = faultsOfOwn(identity, usage, { anchors, at })
  const faults = inSpace
    ? judged
    : [...faultsOfOwn(identity, usage, { anchors: undefined, at }), ...judged.filter(({ why }) => why === 'revoked')]
  return [...faults, ...nameFaults(place, identity, configuration)]
}

/**
 * Reads the certificate and the key of a place.
 * @throws Error with one sentence, as `loadIdentity`, or that names the certificate, all that it lacks, and what belongs there
 */
export function loadFor({ place, files }: OwnPlace, standards: Standards): Identity {
  const identity = opensMail(place) ? loadOpener(files) : loadIdentity(files, standards.at)
  const faults = unfitnessOf(place, identity, standards).filter(({ why }) => !(opensMail(place) && BY_TIME.includes(why)))
  if (faults.length > 0) {
    const file = 'pkcs12' in files ? files.pkcs12 : files.certificate
    throw new Error(`${file}: ${formatName(identity.facts.subject)}: ${wordsOf(place, faults)}`)
  }
  return identity
}

/** One sentence of all of them, with what belongs in the place. */
export function wordsOf(place: string, faults: readonly Unfitness[]): string {
  return `${faults.map(({ detail }) => detail).join('; ')} (${ruleOf(place).offer} belongs here)`
}

/** Mail addresses in our domains that a certificate names: what others encrypt to, a box or the authority of a whole domain (RFC 3183 §4). */
export function ownAddresses(identity: Identity, { domains }: Pick<Configuration, 'domains'>): string[] {
  return ownNames(identity).emails.filter(email => domains.includes(domainOf(email)))
}

/** A TLS client wants the name it was told; who encrypts to us, the box or the domain. */
function nameFaults(place: string, identity: Identity, configuration: Standards['configuration']): Unfitness[] {
  const { hostname, domains } = configuration
  if (place === 'tls' && !ownNames(identity).isHost(hostname))
    return [{ why: 'wrong-name', detail: `certificate does not name the host ${hostname}` }]
  if (opensMail(place) && ownAddresses(identity, configuration).length === 0) {
    const authority = `${CONFIDENTIALITY_AUTHORITY}@${domains[0]}`
    return [{ why: 'wrong-name', detail: `certificate names no mail address of ours, such as ${authority}` }]
  }
  return []
}

function ruleOf(place: string): (typeof RULES)[string] {
  const rule = RULES[opensMail(place) ? 'smime.encryption' : place]
  if (!rule) throw new Error(`no certificate of ours belongs at ${place}`)
  return rule
}
