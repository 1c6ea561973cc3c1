import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Extensions, Name } from '@peculiar/asn1-x509'
import { type ParsedCertificate, serialText } from './certificate.ts'
import { type Element, elements, onlyElement } from './der.ts'
import { formatName, rdnsOf } from './names.ts'
import { isSignedBy } from './signature-algorithms.ts'

/** A complete revocation list whose signature was verified. */
export interface RevocationList {
  thisUpdate: Date
  nextUpdate: Date
  /** RFC 5280 §5.2.3; undefined when the list has none */
  number: bigint | undefined
  /** serial number (lower-case hexadecimal) → date of revocation */
  revoked: ReadonlyMap<string, Date>
}

/** What has changed since a complete list (RFC 5280 §5.2.4). */
export interface DeltaList extends RevocationList {
  number: bigint
  /** the number of the complete list that it starts from */
  base: bigint
  /** serial numbers that are revoked no longer (removeFromCRL) */
  released: ReadonlySet<string>
}

export type ReadList = { issuer: ParsedCertificate } & ({ kind: 'complete'; list: RevocationList } | { kind: 'delta'; list: DeltaList })

/** What is read of a list before it is known whose it is: its entries wait, there may be a million of them. */
interface UnverifiedList {
  content(): Pick<ReadList, 'kind' | 'list'>
  issuerName: string
  algorithm: string
  signed: Buffer
  signature: Buffer
}

const INTEGER = 0x02
const BIT_STRING = 0x03
const SEQUENCE = 0x30
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const NUMBER = '2.5.29.20'
const DELTA = '2.5.29.27'
const DISTRIBUTION_POINT = '2.5.29.28'
/** The extension of an entry that says removeFromCRL, as DER spells it. */
const REMOVE_FROM_LIST = Buffer.from('0603551d1504030a0108', 'hex')

/**
 * Reads a revocation list (RFC 5280 §5), complete or delta, and verifies it.
 * @param authorities configured CA certificates, one of which must have signed the list
 * @returns the list and its signer
 * @throws Error for a list of an unknown issuer, with a wrong signature, without nextUpdate, or with another critical extension (partitioned or
 *   indirect lists say less than "nobody else is revoked", so they are refused rather than half understood)
 */
export function readRevocationList(der: Buffer, authorities: readonly ParsedCertificate[]): ReadList {
  const { content, issuerName, algorithm, signed, signature } = parseList(der)
  const named = authorities.filter(ca => formatName(ca.facts.subject) === issuerName)
  if (named.length === 0) throw new Error(`the issuer of the revocation list is not among the anchors: ${issuerName}`)
  const issuer = named.find(ca => maySignLists(ca) && isSignedBy(ca.x509.publicKey, algorithm, signed, signature))
  if (!issuer) throw new Error('the signature of the revocation list is wrong')
  return { issuer, ...content() } as ReadList
}

/** Whether `list` was made after `other`. */
export function isNewer(list: RevocationList, other: RevocationList): boolean {
  const later = list.thisUpdate.getTime() - other.thisUpdate.getTime()
  return later > 0 || (later === 0 && (list.number ?? 0n) > (other.number ?? 0n))
}

/**
 * Whether a delta list may be combined with a complete list of the same authority (RFC 5280 §5.2.4; both are for all its certificates, since lists
 * with a distribution point are not read at all).
 */
export function continues(delta: DeltaList, complete: RevocationList): boolean {
  return complete.number !== undefined && delta.base <= complete.number && complete.number <= delta.number
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
  return {
    content: () =>
      contentOf(entries ? [...elements(entries.inside)] : [], readExtensions(rest[0]), {
        thisUpdate: readTime(thisUpdate),
        nextUpdate: readTime(nextUpdate),
      }),
    issuerName: formatName(rdnsOf(AsnConvert.parse(issuer.whole, Name))),
    algorithm: AsnConvert.parse(algorithm.whole, AlgorithmIdentifier).algorithm,
    signed: tbs.whole,
    signature: signature.inside.subarray(1),
  }
}

function contentOf(
  entries: Element[],
  { number, base }: { number: bigint | undefined; base: bigint | undefined },
  dates: { thisUpdate: Date; nextUpdate: Date },
): Pick<ReadList, 'kind' | 'list'> {
  if (base === undefined) return { kind: 'complete', list: { ...dates, number, revoked: new Map(entries.map(readEntry)) } }
  if (number === undefined) throw new Error('the delta list has no number')
  const released = new Set(entries.filter(isReleased))
  const revoked = new Map(entries.filter(entry => !released.has(entry)).map(readEntry))
  const list = { ...dates, number, base, revoked, released: new Set([...released].map(entry => readEntry(entry)[0])) }
  return { kind: 'delta', list }
}

function readEntry(entry: Element): [serial: string, revokedOn: Date] {
  const [serial, date, extensions] = [...elements(entry.inside)]
  if (!serial || !date) throw new Error('malformed entry in the revocation list')
  // Reading the extensions of 100,000 entries is slow, and `critical TRUE` has one DER spelling (X.690 §11.1).
  if (extensions?.whole.includes(Buffer.from([0x01, 0x01, 0xff]))) throw new Error('entry with a critical extension in the revocation list')
  return [serialText(serial.inside), readTime(date)]
}

function isReleased(entry: Element): boolean {
  const [, , extensions] = [...elements(entry.inside)]
  return extensions !== undefined && [...elements(extensions.inside)].some(({ inside }) => inside.equals(REMOVE_FROM_LIST))
}

/** The numbers of a list; every other critical extension means no, and so does a distribution point that forgot to be critical. */
function readExtensions(wrapper: Element | undefined): { number: bigint | undefined; base: bigint | undefined } {
  const extensions = wrapper ? [...AsnConvert.parse(wrapper.inside, Extensions)] : []
  const unknown = extensions.find(({ critical, extnID }) => (critical && extnID !== DELTA) || extnID === DISTRIBUTION_POINT)
  if (unknown) throw new Error(`critical extension ${unknown.extnID} in the revocation list: a complete list is needed`)
  const numberIn = (id: string) => {
    const found = extensions.find(({ extnID }) => extnID === id)
    return found && readNumber(Buffer.from(found.extnValue.buffer))
  }
  return { number: numberIn(NUMBER), base: numberIn(DELTA) }
}

/** RFC 5280 §5.2.3: up to 20 octets, never negative. */
function readNumber(der: Buffer): bigint {
  const { tag, inside } = onlyElement(der)
  if (tag !== INTEGER || inside.length === 0 || inside.length > 21 || inside[0]! >= 0x80)
    throw new Error('malformed number of a revocation list')
  return BigInt(`0x${inside.toString('hex')}`)
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
