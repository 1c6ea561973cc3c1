import { createHash } from 'node:crypto'
import { isRoot, type Trust } from './anchors.ts'
import { type ParsedCertificate, parseCertificate } from './certificate.ts'
import { commonName, formatName } from './names.ts'
import { isStrongKey, isStrongSignature } from './signature-algorithms.ts'
import { type Usage, usageFault } from './usage.ts'
import { day, type PeerVerdict, printable, type Refused, refused } from './verdict.ts'

/** Extensions that we understand; any other critical one means no (RFC 5280 §4.2). */
const UNDERSTOOD = new Set([
  '2.5.29.14', // subjectKeyIdentifier
  '2.5.29.15', // keyUsage
  '2.5.29.17', // subjectAltName
  '2.5.29.19', // basicConstraints
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
const remembered = new WeakMap<Trust, Map<string, Remembered>>()

/**
 * Judges a certificate by RFC 5280 §6: a path of signatures to a configured root, strength, dates, constraints, usage, and the revocation of
 * every certificate below the root. A trusted verdict is remembered until the first date on which anything in it could change.
 * @param der the certificate
 * @param at the instant to judge at
 */
export function judgeCertificate(der: Buffer, trust: Trust, usage: Usage, at: Date): PeerVerdict {
  const verdicts = remembered.get(trust) ?? new Map<string, Remembered>()
  remembered.set(trust, verdicts)
  const key = `${usage} ${createHash('sha256').update(der).digest('base64')}`
  const known = verdicts.get(key)
  if (known && at.getTime() >= known.from && at.getTime() <= known.until) return known.verdict
  const { verdict, until } = judge(der, trust, usage, at)
  if (verdicts.size >= MOST_REMEMBERED) verdicts.clear()
  if (verdict.kind === 'trusted') verdicts.set(key, { from: at.getTime(), until, verdict })
  return verdict
}

function judge(der: Buffer, trust: Trust, usage: Usage, at: Date): { verdict: PeerVerdict; until: number } {
  const leaf = tryParse(der)
  if (!leaf) return { verdict: refused('unreadable', 'certificate cannot be read'), until: 0 }
  const path = pathOf(leaf, trust, usage)
  if (!path) return { verdict: notFromAnchors(leaf), until: 0 }
  const fault = usageFault(leaf, usage) ?? strengthFault(path) ?? dateFault(path, at) ?? revocationFault(path, trust, at)
  if (fault) return { verdict: fault, until: 0 }
  return { verdict: { kind: 'trusted', subject: leaf.facts.subject, certificate: leaf.facts }, until: endOf(path, trust) }
}

function tryParse(der: Buffer): ParsedCertificate | undefined {
  try {
    return parseCertificate(der)
  } catch {
    return undefined
  }
}

/** The path from a certificate up to a configured root, or the pinned signer alone. */
function pathOf(leaf: ParsedCertificate, trust: Trust, usage: Usage): ParsedCertificate[] | undefined {
  const isPinned = usage === 'signature' && trust.pinned.some(({ x509 }) => x509.raw.equals(leaf.x509.raw))
  return isPinned ? [leaf] : climb([leaf], trust)
}

function climb(path: ParsedCertificate[], trust: Trust): ParsedCertificate[] | undefined {
  const last = path.at(-1)!
  if (path.length > LONGEST_PATH) return undefined
  for (const authority of trust.authorities) {
    if (!mayIssue(authority, path.length - 1) || !isIssuedBy(last, authority)) continue
    if (isRoot(authority)) return [...path, authority]
    const whole = path.includes(authority) ? undefined : climb([...path, authority], trust)
    if (whole) return whole
  }
  return undefined
}

/** RFC 5280 §4.2.1.9: `below` counts the intermediates between this authority and the judged certificate. */
function mayIssue({ isCa, keyUsage, pathLength }: ParsedCertificate, below: number): boolean {
  return isCa && pathLength >= below && (keyUsage === undefined || keyUsage.includes('keyCertSign'))
}

function isIssuedBy({ x509 }: ParsedCertificate, authority: ParsedCertificate): boolean {
  return x509.checkIssued(authority.x509) && x509.verify(authority.x509.publicKey)
}

function notFromAnchors({ facts }: ParsedCertificate): Refused {
  const self = formatName(facts.subject) === formatName(facts.issuer)
  const issuer = self ? 'it is self-signed' : `its issuer is "${printable(commonName(facts.issuer))}"`
  return refused('not-from-anchors', `certificate does not come from an accepted authority: ${issuer}`)
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
function revocationFault(path: ParsedCertificate[], trust: Trust, at: Date): Refused | undefined {
  const pairs = path.slice(0, -1).map((certificate, index) => ({ certificate, issuer: path[index + 1]! }))
  for (const { certificate, issuer } of pairs) {
    const revokedOn = trust.lists.get(issuer.facts.fingerprint256)?.revoked.get(certificate.facts.serial)
    if (revokedOn) return refused('revoked', `certificate was revoked on ${day(revokedOn)}`)
  }
  for (const { issuer } of pairs) {
    const list = trust.lists.get(issuer.facts.fingerprint256)
    const name = printable(commonName(issuer.facts.subject))
    if (!list) return refused('revocation-unknown', `no revocation list of "${name}" is known here`)
    if (at > list.nextUpdate)
      return refused('revocation-unknown', `the revocation list of "${name}" known here ended on ${list.nextUpdate.toISOString()}`)
    if (at < list.thisUpdate) return refused('revocation-unknown', `the revocation list of "${name}" known here is not valid yet`)
  }
  return undefined
}

function endOf(path: ParsedCertificate[], trust: Trust): number {
  const lists = path.slice(1).map(({ facts }) => trust.lists.get(facts.fingerprint256)?.nextUpdate)
  const ends = [...path.map(({ facts }) => facts.notAfter), ...lists]
  return Math.min(...ends.filter(end => end !== undefined).map(Number))
}
