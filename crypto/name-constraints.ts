import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate, Name } from '@peculiar/asn1-x509'
import type { ParsedCertificate } from './certificate.ts'
import { type Element, elements, onlyElement } from './der.ts'
import { type Rdn, rdnsOf } from './names.ts'
import { type Refused, refused } from './verdict.ts'

const NAME_CONSTRAINTS = '2.5.29.30'
const ALTERNATIVE_NAMES = '2.5.29.17'
const EMAIL_ADDRESS = '1.2.840.113549.1.9.1'

/** GeneralName tags (RFC 5280 §4.2.1.6) of the forms that we can compare. */
const MAIL = 0x81
const DNS = 0x82
const DIRECTORY = 0xa4
const IP = 0x87

interface Subtrees {
  permitted: Element[]
  excluded: Element[]
}

/**
 * RFC 5280 §4.2.1.10 and §6.1.3: every name of every certificate below an authority that constrains names must be in one of its permitted subtrees of that
 * form, if there are any, and in none of the excluded ones. Compared are mail addresses, DNS names, directory names and IP addresses; a name of
 * another form that is constrained, or one that can't be read, means no. As OpenSSL does, we apply those of the root too, and hold a common
 * name that looks like a host name to the rules for hosts when the certificate names no host otherwise.
 * @param path from the judged certificate up to the root
 */
export function nameConstraintsFault(path: readonly ParsedCertificate[]): Refused | undefined {
  if (!path.some(isConstraining)) return undefined
  try {
    return path.flatMap((authority, index) => faultsBelow(authority, path.slice(0, index)))[0]
  } catch {
    return refused('wrong-usage', 'certificate chain has names or name constraints that cannot be read')
  }
}

function isConstraining({ extensions }: ParsedCertificate): boolean {
  return extensions.has(NAME_CONSTRAINTS)
}

function faultsBelow(authority: ParsedCertificate, below: readonly ParsedCertificate[]): Refused[] {
  if (!isConstraining(authority)) return []
  const subtrees = subtreesOf(authority)
  return below
    .filter((certificate, index) => index === 0 || !isSelfIssued(certificate))
    .flatMap(certificate => {
      const outside = namesOf(certificate).find(name => !isAllowed(name, subtrees))
      return outside ? [refused('wrong-usage', `certificate chain has a name (${formOf(outside)}) that its authority may not certify`)] : []
    })
}

function isSelfIssued({ x509 }: ParsedCertificate): boolean {
  return x509.subject === x509.issuer
}

function formOf({ tag }: Element): string {
  return { [MAIL]: 'rfc822Name', [DNS]: 'dNSName', [DIRECTORY]: 'directoryName', [IP]: 'iPAddress' }[tag] ?? 'of an unknown form'
}

function subtreesOf({ extensions }: ParsedCertificate): Subtrees {
  const lists = [...elements(onlyElement(extensions.get(NAME_CONSTRAINTS)!).inside)]
  const of = (tag: number) => lists.filter(list => list.tag === tag).flatMap(list => [...elements(list.inside)].map(baseOf))
  return { permitted: of(0xa0), excluded: of(0xa1) }
}

/** RFC 5280: minimum is zero (and, by DER, not written), maximum absent. */
function baseOf(subtree: Element): Element {
  return onlyElement(subtree.inside)
}

function isAllowed(name: Element, { permitted, excluded }: Subtrees): boolean {
  const ofForm = (bases: Element[]) => bases.filter(({ tag }) => tag === name.tag)
  const within = ofForm(permitted)
  if (ofForm(excluded).some(base => covers(base, name, 'excluded'))) return false
  return within.length === 0 || within.some(base => covers(base, name, 'permitted'))
}

/** What can't be compared is as bad as can be: not permitted, and excluded. */
function covers(base: Element, name: Element, when: 'permitted' | 'excluded'): boolean {
  if (name.tag === MAIL) return coversMail(textOf(base), textOf(name))
  if (name.tag === DNS) return coversHost(textOf(base), textOf(name), when)
  if (name.tag === DIRECTORY) return coversDirectory(base, name)
  if (name.tag === IP) return coversAddress(base.inside, name.inside)
  return when === 'excluded'
}

/** IA5String (RFC 5280 §4.2.1.6); anything else in it is meant to deceive. */
function textOf({ inside }: Element): string {
  const text = inside.toString('latin1')
  if (!/^[\x21-\x7e]*$/.test(text)) throw new RangeError('name with strange characters')
  return text
}

/** A mailbox, a host (`example.com`), or all hosts of a domain (`.example.com`). */
function coversMail(base: string, name: string): boolean {
  const [local, host, ...more] = splitMail(name)
  if (host === undefined || more.length > 0) throw new RangeError('mail address without @')
  if (base.includes('@')) {
    const [baseLocal, baseHost] = splitMail(base)
    return local === baseLocal && host.toLowerCase() === baseHost?.toLowerCase()
  }
  const domain = base.toLowerCase()
  return domain.startsWith('.') ? host.toLowerCase().endsWith(domain) : host.toLowerCase() === domain
}

function splitMail(text: string): string[] {
  const at = text.lastIndexOf('@')
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : [text]
}

/** The name itself, and whatever has labels before it. A wildcard stands for hosts that an excluded one may be among. */
function coversHost(base: string, name: string, when: 'permitted' | 'excluded'): boolean {
  const [domain, host] = [base.toLowerCase(), name.toLowerCase()]
  if (domain === '') return true
  if (domain.startsWith('.')) return host.endsWith(domain)
  if (when === 'excluded' && host.startsWith('*.') && domain.endsWith(host.slice(1))) return true
  return host === domain || host.endsWith(`.${domain}`)
}

/** The base is how the name begins, RDN by RDN; each RDN is a set. */
function coversDirectory(base: Element, name: Element): boolean {
  const [start, whole] = [setsOf(base.inside), setsOf(name.inside)]
  return start.length <= whole.length && start.every((rdn, index) => rdn === whole[index])
}

/** RFC 5280 §7.1: case and the number of spaces mean nothing. */
function setsOf(name: Buffer): string[] {
  const spelt = ({ type, value }: Rdn) => `${type}=${value.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()}`
  return [...AsnConvert.parse(name, Name)].map(rdn =>
    JSON.stringify(
      rdnsOf(new Name([rdn]))
        .map(spelt)
        .sort(),
    ),
  )
}

/** The base has an address and a mask, 8 octets or 32. */
function coversAddress(base: Buffer, address: Buffer): boolean {
  if (base.length !== 8 && base.length !== 32) throw new RangeError('malformed address range')
  const [range, mask] = [base.subarray(0, base.length / 2), base.subarray(base.length / 2)]
  return address.length === range.length && address.every((octet, index) => (octet & mask[index]!) === (range[index]! & mask[index]!))
}

/** All names of a certificate: its subject, its alternative names, and what its subject says in place of those. */
function namesOf({ x509, extensions, facts }: ParsedCertificate): Element[] {
  const alternative = extensions.get(ALTERNATIVE_NAMES)
  const names = alternative ? [...elements(onlyElement(alternative).inside)] : []
  const subject = Buffer.from(AsnConvert.serialize(AsnConvert.parse(x509.raw, Certificate).tbsCertificate.subject))
  const has = (tag: number) => names.some(name => name.tag === tag)
  const said = (type: string) => facts.subject.filter(rdn => rdn.type === type).map(({ value }) => value)
  return [
    ...(facts.subject.length > 0 ? [element(DIRECTORY, subject)] : []),
    ...names,
    ...(has(MAIL) ? [] : said(EMAIL_ADDRESS).map(mail => element(MAIL, Buffer.from(mail)))),
    ...(has(DNS)
      ? []
      : said('CN')
          .filter(isHostName)
          .map(host => element(DNS, Buffer.from(host)))),
  ]
}

function isHostName(text: string): boolean {
  return /^[a-z0-9*]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/i.test(text)
}

function element(tag: number, inside: Buffer): Element {
  return { tag, whole: inside, inside }
}
