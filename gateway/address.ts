import { domainToASCII, domainToUnicode } from 'node:url'

/**
 * Addresses at the policy boundary. Who may send and to whom is decided on what this file returns, so it reads one
 * grammar only: the dot-atom form of RFC 5321 §4.1.2 and the mailbox of RFC 5322 §3.4, without comments, routes, groups,
 * address literals or obsolete forms. Where two readers could differ, it refuses (CVE-2025-13033 and its family).
 *
 * Non-ASCII local parts (RFC 6531): letters of the Latin-1 Supplement and Latin Extended-A blocks only, already in NFC,
 * stable under NFKC and under a change of case. That is every letter of the European languages, and leaves no room for a
 * Cyrillic `а`, a full-width `ａ`, a dotless `ı`, a Kelvin sign or an invisible format character.
 */
export interface Mailbox {
  /** `local@domain`: lower case, the domain as A-labels (RFC 5890 §2.3.2.1). */
  address: string
  local: string
  domain: string
  /** As written, without its quotes; encoded words (RFC 2047) are left as text. For people, never for a decision. */
  displayName?: string
}

/** Why an address is refused: a code, and a sentence for the sender that never repeats the address (it may hold an INS). */
export const ADDRESS_FAULTS = {
  empty: 'The address is empty',
  tooLong: 'The address is longer than 254 octets, or its local part longer than 64',
  syntax: 'The address is not of the form local@domain',
  quoted: 'Quoted local parts are not accepted',
  characters: 'The address holds characters that are not accepted',
  domain: 'The domain of the address is not a fully qualified domain name',
  literal: 'Address literals are not accepted',
  comment: 'Comments are not accepted in an address field',
  group: 'Address groups are not accepted',
  route: 'Source routes are not accepted',
  name: 'The display name is malformed: put it between double quotes',
  several: 'Exactly one address is expected',
} as const

export class AddressFault extends Error {
  override readonly name = 'AddressFault'
  readonly reason: keyof typeof ADDRESS_FAULTS
  constructor(reason: keyof typeof ADDRESS_FAULTS) {
    super(ADDRESS_FAULTS[reason])
    this.reason = reason
  }
}

const atext = "A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-" // RFC 5322 §3.2.3
const dotAtom = new RegExp(`^[${atext}\u00c0-\u017f]+(?:\\.[${atext}\u00c0-\u017f]+)*$`)
const ldhLabel = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/ // RFC 1123 §2.1

/**
 * Reads an envelope address (what MAIL FROM and RCPT TO hold between `<` and `>`), without the null sender.
 * @returns `local@domain`, lower case, domain as A-labels
 * @throws AddressFault
 */
export function parseAddress(text: string): string {
  if (text === '') throw new AddressFault('empty')
  if (text.length > 254 || Buffer.byteLength(text) > 254) throw new AddressFault('tooLong') // RFC 5321 §4.5.3.1.3
  const at = text.lastIndexOf('@')
  if (at < 1 || at === text.length - 1) throw new AddressFault(text.startsWith('@') && at > 0 ? 'route' : 'syntax')
  const address = `${readLocal(text.slice(0, at))}@${readDomain(text.slice(at + 1))}`
  if (Buffer.byteLength(address) > 254) throw new AddressFault('tooLong') // the A-labels are longer than what was written
  return address
}

function readLocal(text: string): string {
  if (Buffer.byteLength(text) > 64) throw new AddressFault('tooLong') // RFC 5321 §4.5.3.1.1
  // RFC 5321 §4.1.2: "dr.martin" and dr.martin are the same local part; any other quoted string is refused.
  const quoted = text.length > 2 && text.startsWith('"') && text.endsWith('"')
  const local = quoted ? text.slice(1, -1) : text
  if (!dotAtom.test(local)) throw new AddressFault(whyNotLocal(text))
  if (/[^\x00-\x7f]/.test(local)) checkLatin(local)
  return local.toLowerCase()
}

function whyNotLocal(text: string): keyof typeof ADDRESS_FAULTS {
  if (text.startsWith('@')) return 'route'
  if (text.startsWith('"')) return 'quoted'
  if (/[()]/.test(text)) return 'comment'
  return /[^\x21-\x7e]/.test(text) ? 'characters' : 'syntax'
}

function checkLatin(local: string): void {
  if (local.normalize('NFKC') !== local) throw new AddressFault('characters')
  for (const letter of local) {
    if (letter <= '\x7f') continue
    const upper = letter.toUpperCase()
    const lower = letter.toLowerCase()
    const hasCase = upper !== lower && upper.length === 1 && lower.length === 1
    if (!hasCase || upper.toLowerCase() !== lower || lower.toUpperCase() !== upper) throw new AddressFault('characters')
  }
}

function readDomain(text: string): string {
  if (text.startsWith('[')) throw new AddressFault('literal')
  const domain = /[^\x00-\x7f]/.test(text) ? toALabels(text) : text.toLowerCase()
  const labels = domain.split('.')
  if (domain.length > 253 || labels.length < 2 || !labels.every(label => ldhLabel.test(label))) throw new AddressFault('domain')
  if (/^\d+$/.test(labels.at(-1)!)) throw new AddressFault('domain') // RFC 3696 §2: else it reads as an IPv4 address
  for (const label of labels) if (label.startsWith('xn--') && !isRealALabel(label)) throw new AddressFault('domain')
  return domain
}

/** IDNA maps many spellings to one name; only the spelling that it maps to itself is accepted, so that what is shown is what is meant. */
function toALabels(text: string): string {
  if (text.normalize('NFC') !== text) throw new AddressFault('domain') // a Kelvin sign would become a plain k in lower case
  const unicode = text.toLowerCase()
  const ascii = domainToASCII(unicode)
  if (ascii === '' || domainToUnicode(ascii) !== unicode) throw new AddressFault('domain')
  return ascii
}

function isRealALabel(label: string): boolean {
  const unicode = domainToUnicode(label)
  return unicode !== '' && unicode !== label && domainToASCII(unicode) === label
}

/**
 * Reads one mailbox of a header field that must hold exactly one (RFC 5322 §3.4).
 * @param text unfolded field value
 * @throws AddressFault
 */
export function parseMailbox(text: string): Mailbox {
  const [mailbox, ...others] = parseMailboxList(text)
  if (mailbox === undefined || others.length > 0) throw new AddressFault('several')
  return mailbox
}

/**
 * Reads a mailbox-list (RFC 5322 §3.4): no empty elements, no groups. Linear in the length of the text.
 * @param text unfolded field value
 * @throws AddressFault at the first mailbox that is not plain
 */
export function parseMailboxList(text: string): Mailbox[] {
  // C0, C1, invisible and bidirectional controls, line separators, lone surrogates, undecodable bytes: none has a place in an address field.
  if (/[\x00-\x08\x0a-\x1f\x7f]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\ufffd]/u.test(text.replaceAll('\t', ' ')))
    throw new AddressFault('characters')
  const mailboxes: Mailbox[] = []
  let at = 0
  for (;;) {
    const { mailbox, end } = readMailbox(text, skipBlanks(text, at))
    mailboxes.push(mailbox)
    at = skipBlanks(text, end)
    if (at === text.length) return mailboxes
    if (text[at] !== ',') throw unexpected(text[at])
    at += 1
  }
}

const atomRun = /[^ \t"(),:;<>@[\\\]]+/y // atext and non-ASCII text (RFC 6532 §3.2), and the dot, judged below
const addressRun = /(?:"[^"\\]*"|[^\s"(),:;<>@[\\\]]+)@[^\s"(),:;<>@\\]+/y

function readMailbox(text: string, start: number): { mailbox: Mailbox; end: number } {
  if (start === text.length) throw new AddressFault('empty')
  addressRun.lastIndex = start
  const bare = addressRun.exec(text)
  if (bare) return { mailbox: toMailbox(bare[0]), end: addressRun.lastIndex }
  const { name, end } = readPhrase(text, start)
  if (text[end] !== '<') throw unexpected(text[end])
  addressRun.lastIndex = end + 1
  const address = addressRun.exec(text)
  if (!address) throw text[end + 1] === '@' ? new AddressFault('route') : unexpected(text[end + 1])
  if (text[addressRun.lastIndex] !== '>') throw unexpected(text[addressRun.lastIndex])
  return { mailbox: toMailbox(address[0], name), end: addressRun.lastIndex + 1 }
}

/** RFC 5322 §3.2.5 phrase = 1*word, here possibly empty: `<a@b>` has no display name. */
function readPhrase(text: string, start: number): { name: string; end: number } {
  const words: string[] = []
  let at = start
  while (at < text.length && text[at] !== '<') {
    const word = text[at] === '"' ? readQuoted(text, at) : readAtom(text, at)
    words.push(word.text)
    at = skipBlanks(text, word.end)
  }
  return { name: words.join(' '), end: at }
}

function readAtom(text: string, start: number): { text: string; end: number } {
  atomRun.lastIndex = start
  const atom = atomRun.exec(text)
  if (!atom) throw unexpected(text[start])
  if (text[atomRun.lastIndex] === '@') throw new AddressFault('syntax') // a second address where a name goes on
  if (atom[0].includes('.')) throw new AddressFault('name') // RFC 5322 §4.1: only obs-phrase has bare dots
  return { text: atom[0], end: atomRun.lastIndex }
}

function readQuoted(text: string, start: number): { text: string; end: number } {
  let content = ''
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '"') return { text: content, end: at + 1 }
    if (text[at] === '\\') at += 1
    content += text[at] ?? ''
  }
  throw new AddressFault('name')
}

function toMailbox(written: string, name = ''): Mailbox {
  const address = parseAddress(written)
  const at = address.lastIndexOf('@')
  const mailbox: Mailbox = { address, local: address.slice(0, at), domain: address.slice(at + 1) }
  return name === '' ? mailbox : { ...mailbox, displayName: name }
}

function skipBlanks(text: string, at: number): number {
  while (text[at] === ' ' || text[at] === '\t') at += 1
  return at
}

function unexpected(character: string | undefined): AddressFault {
  if (character === '(' || character === ')') return new AddressFault('comment')
  if (character === ':' || character === ';') return new AddressFault('group')
  return new AddressFault('syntax')
}

/** @returns the domain of an address that `parseAddress` returned */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}

/** spec MSSanté §1.6: the address of a patient is his matricule INS, 13 or 15 characters (letters only for Corsica). */
const matricule = /^\d{6}[\dAB]\d{6}(?:\d{2})?$/i

/** @returns the text with every matricule before an `@` hidden: what a peer says may repeat the address */
export function maskPatientsIn(text: string): string {
  return text.replace(/(?<![0-9A-Za-z])\d{6}[\dAB]\d{6}(?:\d{2})?(?=@)/gi, '***')
}

/**
 * Hides the INS that a patient's address is, for logs and texts.
 * @param address any address, well formed or not
 * @returns the address, or `***@domain` when its local part is or may be a matricule
 */
export function maskPatient(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1).toLowerCase()
  if (at < 0) return matricule.test(address.trim()) ? '***' : address
  const local = address.slice(0, at)
  if (/^~[\w-]{40,}$/.test(local)) return `***@${domain}` // as rows hold it
  const isPatient = /(?:^|\.)patient\.mssante\.fr\W*$/.test(domain) || matricule.test(local.replace(/\W/g, ''))
  return isPatient ? `***@${domain}` : address
}
