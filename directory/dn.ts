/**
 * Distinguished names, compared as parsed sets and never as strings: type without regard to case, value in Unicode NFC and
 * otherwise exact. Reads RFC 4514 strings and the departures seen in the published white list: a blank after the commas,
 * values in double quotes (RFC 1779 form, used when a name holds two blanks in a row), double quotes inside a plain value.
 * L and ST stay different types, although one entry of the list mixes them up: a look-alike is not a match.
 */

/** One attribute of a name: `CN`, `OU`, … or a dotted OID, and its decoded value. */
export type Rdn = { type: string; value: string }

/** The text is not a distinguished name that we can compare with certainty. */
export class DnFault extends Error {
  override readonly name = 'DnFault'
}

/** A distinguished name. Immutable. */
export class Dn {
  /** In certificate order (country first), types in their short upper-case form, values in NFC. */
  readonly rdns: readonly Rdn[]
  /** Equal for two names if and only if they are the same set of attributes. */
  readonly key: string

  constructor(rdns: readonly Rdn[]) {
    this.rdns = rdns.map(({ type, value }) => ({ type: shortType(type), value: value.normalize('NFC') }))
    this.key = this.rdns.map(formatRdn).sort().join(',')
  }

  /** @returns whether both names hold the same attributes, in any order */
  equals(other: Dn): boolean {
    return this.key === other.key
  }

  /** @returns the RFC 4514 string, most specific attribute first, as the white list writes it */
  toString(): string {
    return this.rdns.map(formatRdn).reverse().join(',')
  }
}

/** @returns whether two names are of one organisation and differ in their CN alone: a certificate of another machine, or of an older one */
export function differsInCommonNameOnly(one: Dn, other: Dn): boolean {
  const rest = ({ rdns }: Dn) => new Dn(rdns.filter(({ type }) => type !== 'CN')).key
  return !one.equals(other) && rest(one) === rest(other)
}

/** @returns the name of a certificate's subject, given in certificate order */
export function dnFromRdns(rdns: readonly Rdn[]): Dn {
  return new Dn(rdns)
}

/** The longest name of the published list has some 150 characters. */
const MAX_LENGTH = 4096

/**
 * Reads a distinguished name.
 * @param text RFC 4514 string, most specific attribute first (the order does not matter to the comparison)
 * @throws DnFault when the text is empty, cut, or could be read in two ways (multi-valued and BER-encoded attributes included)
 */
export function parseDn(text: string): Dn {
  if (text.length > MAX_LENGTH) throw new DnFault(`Longer than ${MAX_LENGTH} characters`)
  const rdns: Rdn[] = []
  let at = 0
  do {
    const start = match(text, at, /[ \t\r\n]*((?:OID\.)?\d+(?:\.\d+)+|[A-Za-z][A-Za-z0-9-]*) *= */iy)
    if (!start) throw new DnFault(`Attribute type expected at character ${at + 1}`)
    const { value, end } = readValue(text, at + start[0].length)
    if (value === '') throw new DnFault(`Empty value before character ${end + 1}`)
    rdns.push({ type: start[1] as string, value })
    at = end + 1
  } while (at <= text.length)
  return new Dn(rdns.reverse())
}

type Value = { value: string; end: number }

function readValue(text: string, from: number): Value {
  return text[from] === '"' ? readQuoted(text, from + 1) : readPlain(text, from)
}

function readQuoted(text: string, from: number): Value {
  const body = match(text, from, /((?:[^"\\]|\\[\s\S])*)" *(?=,|$)/y)
  if (!body) throw new DnFault(`Quoted value not closed after character ${from}`)
  return { value: unescaped(body[1] as string), end: from + body[0].length }
}

/** A quote inside is a plain character (seen in the list); what could separate attributes (`+ ;`) or open another syntax is refused. */
function readPlain(text: string, from: number): Value {
  if (text[from] === '#') throw new DnFault(`BER-encoded value at character ${from + 1}`)
  const body = match(text, from, /(?:[^,+;<>\\\0]|\\[\s\S])*/y)?.[0] ?? ''
  const end = from + body.length
  if (end < text.length && text[end] !== ',') throw new DnFault(`Character ${end + 1} must be escaped`)
  return { value: unescaped(withoutTrailingBlanks(body)), end }
}

/** RFC 4514 §2.4: a blank at the end counts only when escaped. Only U+0020: a no-break space is part of the name. */
function withoutTrailingBlanks(body: string): string {
  const trimmed = body.replace(/ +$/, '')
  const escapes = /\\*$/.exec(trimmed)?.[0].length ?? 0
  return escapes % 2 === 1 && trimmed.length < body.length ? `${trimmed} ` : trimmed
}

/** RFC 4514 §3: `\,` stands for the character, `\C3\A9` for the UTF-8 bytes of one. */
function unescaped(body: string): string {
  return body.replace(/(?:\\[0-9A-Fa-f]{2})+|\\([\s\S])/g, (escaped, single: string | undefined) => {
    if (single === undefined) return decodeUtf8(escaped.replaceAll('\\', ''))
    if (!/[ "#+,;<=>\\]/.test(single)) throw new DnFault('Unknown escape sequence')
    return single
  })
}

function decodeUtf8(hex: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(hex, 'hex'))
  } catch (cause) {
    throw new DnFault('Escaped bytes are not UTF-8', { cause })
  }
}

function match(text: string, at: number, sticky: RegExp): RegExpExecArray | null {
  sticky.lastIndex = at
  return sticky.exec(text)
}

/** RFC 4514 §2.4. */
function formatRdn({ type, value }: Rdn): string {
  const last = value.length - 1
  const escaped = value.replace(/[\0 #"+,;<>\\]/g, (character, at: number) => {
    if (character === '\0') return '\\00'
    if (character === '#') return at === 0 ? '\\#' : character
    if (character === ' ') return at === 0 || at === last ? '\\ ' : character
    return `\\${character}`
  })
  return `${type}=${escaped}`
}

/** Names of RFC 4514 §3 and of the attributes met in certificates of the IGC-Santé. */
const SHORT: Record<string, string> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'T',
  '2.5.4.42': 'GN',
  '2.5.4.97': 'ORGANIZATIONIDENTIFIER',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'EMAILADDRESS',
  COMMONNAME: 'CN',
  COUNTRYNAME: 'C',
  LOCALITYNAME: 'L',
  STATEORPROVINCENAME: 'ST',
  ORGANIZATIONNAME: 'O',
  ORGANIZATIONALUNITNAME: 'OU',
  E: 'EMAILADDRESS',
}

function shortType(type: string): string {
  const plain = type.toUpperCase().replace(/^OID\./, '')
  return SHORT[plain] ?? plain
}
