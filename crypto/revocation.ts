import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Extensions, Name } from '@peculiar/asn1-x509'
import { type ParsedCertificate, serialText } from './certificate.ts'
import { type Element, elements, onlyElement } from './der.ts'
import { formatName, rdnsOf } from './names.ts'
import { isSignedBy } from './signature-algorithms.ts'

/** A revocation list whose signature was verified. */
export interface RevocationList {
  thisUpdate: Date
  nextUpdate: Date
  /** serial number (lower-case hexadecimal) → date of revocation */
  revoked: ReadonlyMap<string, Date>
}

interface UnverifiedList extends RevocationList {
  issuerName: string
  algorithm: string
  signed: Buffer
  signature: Buffer
}

const BIT_STRING = 0x03
const SEQUENCE = 0x30
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

/**
 * Reads a complete revocation list (RFC 5280 §5) and verifies it.
 * @param authorities configured CA certificates, one of which must have signed the list
 * @returns the list and its signer
 * @throws Error for a list of an unknown issuer, with a wrong signature, without nextUpdate, or with a critical extension (delta, partitioned or
 *   indirect lists say less than "nobody else is revoked", so they are refused rather than half understood)
 */
export function readRevocationList(
  der: Buffer,
  authorities: readonly ParsedCertificate[],
): { issuer: ParsedCertificate; list: RevocationList } {
  const { issuerName, algorithm, signed, signature, ...list } = parseList(der)
  const named = authorities.filter(ca => formatName(ca.facts.subject) === issuerName)
  if (named.length === 0) throw new Error(`the issuer of the revocation list is not among the anchors: ${issuerName}`)
  const issuer = named.find(ca => maySignLists(ca) && isSignedBy(ca.x509.publicKey, algorithm, signed, signature))
  if (!issuer) throw new Error('the signature of the revocation list is wrong')
  return { issuer, list }
}

function maySignLists({ keyUsage }: ParsedCertificate): boolean {
  return keyUsage === undefined || keyUsage.includes('crlSign')
}

function parseList(der: Buffer): UnverifiedList {
  const list = onlyElement(der)
  const [tbs, algorithm, signature, ...more] = [...elements(list.inside)]
  if (list.tag !== SEQUENCE || tbs?.tag !== SEQUENCE || !algorithm || more.length > 0) throw new Error('not a revocation list')
  if (signature?.tag !== BIT_STRING || signature.inside[0] !== 0) throw new Error('not a revocation list')
  const fields = [...elements(tbs.inside)]
  if (fields[0]?.tag === 0x02) fields.shift()
  const [innerAlgorithm, issuer, thisUpdate, ...rest] = fields
  if (!innerAlgorithm || !issuer || !thisUpdate || !innerAlgorithm.whole.equals(algorithm.whole)) throw new Error('not a revocation list')
  const nextUpdate = isTime(rest[0]) ? rest.shift() : undefined
  if (!nextUpdate) throw new Error('the revocation list does not say when it ends (nextUpdate)')
  const entries = rest[0]?.tag === SEQUENCE ? rest.shift() : undefined
  refuseCriticalExtensions(rest[0])
  return {
    issuerName: formatName(rdnsOf(AsnConvert.parse(issuer.whole, Name))),
    algorithm: AsnConvert.parse(algorithm.whole, AlgorithmIdentifier).algorithm,
    thisUpdate: readTime(thisUpdate),
    nextUpdate: readTime(nextUpdate),
    revoked: new Map(entries ? [...elements(entries.inside)].map(readEntry) : []),
    signed: tbs.whole,
    signature: signature.inside.subarray(1),
  }
}

function readEntry(entry: Element): [serial: string, revokedOn: Date] {
  const [serial, date, extensions] = [...elements(entry.inside)]
  if (!serial || !date) throw new Error('malformed entry in the revocation list')
  // Reading the extensions of 100,000 entries is slow, and `critical TRUE` has one DER spelling (X.690 §11.1).
  if (extensions?.whole.includes(Buffer.from([0x01, 0x01, 0xff]))) throw new Error('entry with a critical extension in the revocation list')
  return [serialText(serial.inside), readTime(date)]
}

function refuseCriticalExtensions(wrapper: Element | undefined): void {
  if (!wrapper) return
  const critical = [...AsnConvert.parse(wrapper.inside, Extensions)].find(extension => extension.critical)
  if (critical) throw new Error(`critical extension ${critical.extnID} in the revocation list: a complete list is needed`)
}

function isTime(element: Element | undefined): boolean {
  return element?.tag === UTC_TIME || element?.tag === GENERALIZED_TIME
}

/** RFC 5280 §4.1.2.5: always Zulu, with seconds; two-digit years from 50 are of the 1900s. */
function readTime({ tag, inside }: Element): Date {
  const text = inside.toString('latin1')
  const year = tag === GENERALIZED_TIME ? text.slice(0, 4) : `${Number(text.slice(0, 2)) >= 50 ? '19' : '20'}${text.slice(0, 2)}`
  const [, month, day, hour, minute, second] = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text.slice(tag === GENERALIZED_TIME ? 4 : 2)) ?? []
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(date.getTime())) throw new Error('malformed date in the revocation list')
  return date
}
