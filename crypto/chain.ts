import { createHash } from 'node:crypto'
import { isRoot, type Trust } from './anchors.ts'
import { type ParsedCertificate, parseCertificate } from './certificate.ts'
import { nameConstraintsFault } from './name-constraints.ts'
import { commonName, formatName } from './names.ts'
import { isStrongKey, isStrongSignature } from './signature-algorithms.ts'
import { statusOf } from './status.ts'
import { type Usage, usageFault } from './usage.ts'
import { day, type PeerVerdict, printable, type Refused, refused } from './verdict.ts'

/** Extensions that we understand; any other critical one means no (RFC 5280 §4.2). */
const UNDERSTOOD = new Set([
  '2.5.29.14', // subjectKeyIdentifier
  '2.5.29.15', // keyUsage
  '2.5.29.17', // subjectAltName
  '2.5.29.19', // basicConstraints
  '2.5.29.30', // nameConstraints
  '2.5.29.31', // cRLDistributionPoints (never followed: lists come from our own configuration)
  '2.5.29.32', // certificatePolicies
  '2.5.29.35', // authorityKeyIdentifier
  '2.5.29.37', // extKeyUsage
])
const LONGEST_PATH = 5
const MOST_REMEMBERED = 5000

interface Remembered {
  from: number
  until: number
  verdict: PeerVerdict
}
const remembered = new WeakMap<Trust, { setbacks: number; verdicts: Map<string, Remembered> }>()

/**
 * Judges a certificate by RFC 5280 §6: a path of signatures to a configured root, strength, dates, constraints, usage, and the revocation of
 * every certificate below the root. A trusted verdict is remembered until the first date on which anything in it could change.
 * @param der the certificate
 * @param at the instant to judge at
 */
export function judgeCertificate(der: Buffer, trust: Trust, usage: Usage, at: Date): PeerVerdict {
  const verdicts = verdictsOf(trust)
  const key = `${usage} ${createHash('sha256').update(der).digest('base64')}`
  const known = verdicts.get(key)
  if (known && at.getTime() >= known.from && at.getTime() <= known.until) return known.verdict
  const { verdict, until } = judge(der, trust, usage, at)
  if (verdicts.size >= MOST_REMEMBERED) verdicts.clear()
  if (verdict.kind === 'trusted') verdicts.set(key, { from: at.getTime(), until, verdict })
  return verdict
}

/** What was concluded with these anchors, as long as no responder has said no since. */
function verdictsOf(trust: Trust): Map<string, Remembered> {
  const { setbacks } = trust.answers
  const known = remembered.get(trust)
  if (known?.setbacks === setbacks) return known.verdicts
  const verdicts = new Map<string, Remembered>()
  remembered.set(trust, { setbacks, verdicts })
  return verdicts
}

/**
 * Judges the certificate of what was signed in the past: its chain at that time, and what is known today to have been revoked by then. Lists are not kept
 * for years, so one that leaves out certificates which ended meanwhile (RFC 5280 §3.3) is believed.
 * @param options.at when it was signed
 * @param options.revokedBy the instant of looking at the lists, which must be current then
 */
export function judgePast(der: Buffer, trust: Trust, usage: Usage, { at, revokedBy }: { at: Date; revokedBy: Date }): PeerVerdict {
  return judge(der, trust, usage, at, revokedBy).verdict
}

/**
 * Whether a certificate is revoked by now, whenever: whose key was stolen signs with any date. One that has ended is looked at as it was when it ended.
 * @returns one sentence; undefined when nothing is known of it
 */
export function revokedSince(der: Buffer, trust: Trust, usage: Usage, now: Date): string | undefined {
  const leaf = tryParse(der)
  const at = leaf && leaf.facts.notAfter < now ? leaf.facts.notAfter : now
  const verdict = judgePast(der, trust, usage, { at, revokedBy: now })
  return verdict.kind === 'refused' && verdict.why === 'revoked' ? verdict.detail : undefined
}

function judge(der: Buffer, trust: Trust, usage: Usage, at: Date, revokedBy = at): { verdict: PeerVerdict; until: number } {
  const leaf = tryParse(der)
  if (!leaf) return { verdict: refused('unreadable', 'certificate cannot be read'), until: 0 }
  const paths = pathsOf(leaf, trust, usage)
  const faults = paths.map(path => usageFault(leaf, usage) ?? pathFault(path, at) ?? revocationFault(path, trust, revokedBy, at))
  const path = paths[faults.indexOf(undefined)]
  // What is revoked is so on every path: an older certificate of its authority, which has ended, does not hide it.
  if (!path) return { verdict: faults.find(fault => fault?.why === 'revoked') ?? faults[0] ?? notFromAnchors(leaf), until: 0 }
  return { verdict: { kind: 'trusted', subject: leaf.facts.subject, certificate: leaf.facts }, until: endOf(path, trust, at) }
}

function tryParse(der: Buffer): ParsedCertificate | undefined {
  try {
    return parseCertificate(der)
  } catch {
    return undefined
  }
}

/** The paths from a certificate up to a configured root, or the pinned signer alone. There are several where the certificate of an authority was renewed. */
function pathsOf(leaf: ParsedCertificate, trust: Trust, usage: Usage): ParsedCertificate[][] {
  const isPinned = usage === 'signature' && trust.pinned.some(({ x509 }) => x509.raw.equals(leaf.x509.raw))
  return isPinned ? [[leaf]] : climb([leaf], trust)
}

function climb(path: ParsedCertificate[], trust: Trust): ParsedCertificate[][] {
  const last = path.at(-1)!
  if (path.length > LONGEST_PATH) return []
  return trust.authorities
    .filter(authority => !path.includes(authority) && mayIssue(authority, path.length - 1) && isIssuedBy(last, authority))
    .flatMap(authority => (isRoot(authority) ? [[...path, authority]] : climb([...path, authority], trust)))
}

/** RFC 5280 §4.2.1.9: `below` counts the intermediates between this authority and the judged certificate. */
function mayIssue({ isCa, keyUsage, pathLength }: ParsedCertificate, below: number): boolean {
  return isCa && pathLength >= below && (keyUsage === undefined || keyUsage.includes('keyCertSign'))
}

export function isIssuedBy({ x509 }: ParsedCertificate, authority: ParsedCertificate): boolean {
  return x509.checkIssued(authority.x509) && x509.verify(authority.x509.publicKey)
}

function notFromAnchors({ facts }: ParsedCertificate): Refused {
  const self = formatName(facts.subject) === formatName(facts.issuer)
  const issuer = self ? 'it is self-signed' : `its issuer is "${printable(commonName(facts.issuer))}"`
  return refused('not-from-anchors', `certificate does not come from an accepted authority: ${issuer}`)
}

/** What is wrong with a path, revocation apart. */
function pathFault(path: ParsedCertificate[], at: Date): Refused | undefined {
  return strengthFault(path) ?? nameConstraintsFault(path) ?? dateFault(path, at)
}

/** The certificate and its authorities, whatever it is for, when nothing but its revocation is left to be known. */
export function soundPath(der: Buffer, trust: Trust, at: Date): ParsedCertificate[] | undefined {
  const leaf = tryParse(der)
  return leaf && climb([leaf], trust).find(path => !pathFault(path, at))
}

function strengthFault(path: ParsedCertificate[]): Refused | undefined {
  for (const { signatureAlgorithm, x509, criticalExtensions } of path) {
    if (!isStrongSignature(signatureAlgorithm) || !isStrongKey(x509.publicKey))
      return refused('not-from-anchors', 'certificate chain uses an algorithm or key size that is no longer accepted')
    const unknown = criticalExtensions.find(id => !UNDERSTOOD.has(id))
    if (unknown) return refused('wrong-usage', `certificate chain has the unknown critical extension ${unknown}`)
  }
  return undefined
}

function dateFault(path: ParsedCertificate[], at: Date): Refused | undefined {
  for (const [index, { facts }] of path.entries()) {
    const who = index === 0 ? 'certificate' : `certificate of the authority "${printable(commonName(facts.subject))}"`
    if (at > facts.notAfter) return refused('expired', `${who} expired on ${day(facts.notAfter)}`)
    if (at < facts.notBefore) return refused('not-yet-valid', `${who} is not valid before ${facts.notBefore.toISOString()}`)
  }
  return undefined
}

/** Revoked beats unknown, unknown means no. The root, last of the path, is trusted by configuration. */
function revocationFault(path: ParsedCertificate[], trust: Trust, at: Date, signedAt: Date): Refused | undefined {
  const statuses = pairsOf(path).map(({ certificate, issuer }) => statusOf(certificate, issuer, trust, at))
  for (const status of statuses) {
    // Only for what was signed in the past, a revocation that came later does not matter.
    const cameLater = status.kind === 'revoked' && signedAt < at && status.on !== undefined && status.on > signedAt
    if (status.kind === 'revoked' && !cameLater)
      return refused('revoked', `certificate was revoked${status.on ? ` on ${day(status.on)}` : ''}`)
  }
  for (const status of statuses) if (status.kind === 'unknown') return refused('revocation-unknown', status.detail)
  return undefined
}

/** Each certificate below the root with its issuer. */
export function pairsOf(path: readonly ParsedCertificate[]): { certificate: ParsedCertificate; issuer: ParsedCertificate }[] {
  return path.slice(0, -1).map((certificate, index) => ({ certificate, issuer: path[index + 1]! }))
}

function endOf(path: ParsedCertificate[], trust: Trust, at: Date): number {
  const statuses = pairsOf(path).map(({ certificate, issuer }) => statusOf(certificate, issuer, trust, at))
  const ends = statuses.map(status => (status.kind === 'good' ? status.until : 0))
  return Math.min(...path.map(({ facts }) => facts.notAfter.getTime()), ...ends)
}
