import { CmsFault } from './cms/fault.ts'
import { addressesIn, bodyOf, contentTypeOf, type Entity, type Field, onlyField } from './smime-fields.ts'

/**
 * Header protection (RFC 9788): the fields of a mail are repeated on the part that is signed or encrypted, whose Content-Type says `hp="clear"` or
 * `hp="cipher"`. Outside an encryption only what transport needs is left, and the subject says nothing (§3.2, §11.1).
 */
export type HeaderProtection = 'clear' | 'cipher'

/** Written by those who carried the mail, and about its journey: never protected. */
const OF_THE_JOURNEY = /^(received|return-path|delivered-to|x-original-to|authentication-results|received-spf|dkim-signature|arc-[a-z-]+)$/
/** Nobody's business. */
const SECRET = /^(resent-)?bcc$/
const STRUCTURAL = /^(mime-version|content-[a-z-]+)$/
const HIDDEN_SUBJECT = 'Subject: [...]\r\n'

/** @returns the fields of the mail outside, and those of the protected part */
export function protectHeader(fields: readonly Field[], protection: HeaderProtection): { outer: string; inner: string } {
  const own = fields.filter(({ name }) => !STRUCTURAL.test(name) && !OF_THE_JOURNEY.test(name) && !SECRET.test(name) && name !== 'hp-outer')
  const journey = fields.filter(({ name }) => OF_THE_JOURNEY.test(name))
  const shown = protection === 'cipher' ? shownFields(own) : own.map(({ raw }) => raw)
  // RFC 9788 §2.2: what was shown outside, so that a reader knows what was hidden, and an answer does not give it away.
  const witnesses = protection === 'cipher' ? shown.map(raw => `HP-Outer: ${raw}`) : []
  return {
    outer: [...journey.map(({ raw }) => raw), ...shown].join(''),
    inner: [...own.map(({ raw }) => raw), ...witnesses, ...structure(fields, protection)].join(''),
  }
}

/** What transport needs: who, to whom, when, which; addresses without the names beside them, which may be a patient's. */
function shownFields(own: readonly Field[]): string[] {
  return own.flatMap(({ name, raw }) => {
    if (name === 'subject') return [HIDDEN_SUBJECT]
    if (name === 'date' || name === 'message-id' || name === 'auto-submitted') return [raw]
    if (name === 'from' || name === 'to' || name === 'cc') return [bareAddresses({ name, raw })]
    return []
  })
}

function bareAddresses(field: Field): string {
  const addresses = addressesIn(field)
  const label = field.raw.slice(0, field.raw.indexOf(':'))
  return `${label}: ${addresses.length > 0 ? addresses.join(',\r\n ') : 'undisclosed-recipients:;'}\r\n`
}

function structure(fields: readonly Field[], protection: HeaderProtection): string[] {
  const type = onlyField(fields, 'content-type')?.raw ?? 'Content-Type: text/plain; charset=us-ascii\r\n'
  const others = fields.filter(({ name }) => name.startsWith('content-') && name !== 'content-type').map(({ raw }) => raw)
  return [`${withoutLastSemicolon(withoutHp(type))};\r\n hp="${protection}"\r\n`, ...others]
}

/** Some programs end a Content-Type with one; before another parameter, two of them would be an empty one (RFC 2045 §5.1). */
function withoutLastSemicolon(raw: string): string {
  let end = raw.length
  while (/[;\s]/.test(raw[end - 1] ?? '')) end--
  return raw.slice(0, end)
}

function withoutHp(raw: string): string {
  return raw.replace(/;\s*hp\s*=\s*("[^"]*"|[^\s;]+)/gi, '')
}

/**
 * The mail as its author wrote it, from what was inside the protection. The fields inside count, those outside are only for transport; of a
 * mail without header protection they are all there is.
 * @param outside the fields of the mail as it came
 * @throws CmsFault `altered` when it names another sender inside than outside: the outside is what was checked on the way (RFC 9788 §4.4)
 */
export function restoreMail(
  outside: readonly Field[],
  { fields: inside, body }: Entity,
): { message: Buffer; protection: HeaderProtection | 'none' } {
  const protection = contentTypeOf(inside).parameters.get('hp')
  const isProtected = protection === 'clear' || protection === 'cipher'
  if (isProtected) checkSender(outside, inside)
  const kept = isProtected
    ? [...outside.filter(({ name }) => OF_THE_JOURNEY.test(name)), ...inside.filter(({ name }) => !/^(hp-outer|mime-version)$/.test(name))]
    : [...outside.filter(({ name }) => !STRUCTURAL.test(name)), ...inside.filter(({ name }) => name.startsWith('content-'))]
  const raws = kept.map(({ name, raw }) => (isProtected && name === 'content-type' ? `${withoutHp(raw).trimEnd()}\r\n` : raw))
  const header = Buffer.from(`${raws.join('')}MIME-Version: 1.0\r\n\r\n`, 'latin1')
  return { message: Buffer.concat([header, body]), protection: isProtected ? protection : 'none' }
}

function checkSender(outside: readonly Field[], inside: readonly Field[]): void {
  const [outer, inner] = [senderOf(outside), senderOf(inside)]
  if (outer !== inner) throw new CmsFault('altered', 'the mail names another sender inside than outside')
}

function senderOf(fields: readonly Field[]): string {
  const field = onlyField(fields, 'from')
  if (!field) return ''
  return addressesIn(field).join().toLowerCase() || bodyOf(field)
}
