import { domainToASCII } from 'node:url'
import { type HeaderField, removeFields, renderField } from '../header.ts'
import type { SeenSigner } from './look.ts'
import type { Verdict } from './verdict.ts'

const NAME = 'Authentication-Results'
/** Longest address that is written (RFC 5321 §4.5.3.1.3), and longest text of ours. */
const LONGEST = 254
/** Octets of the field up to where it says that a mail was opened, and many more. */
const MOST_OF_FIELD = 4096

/**
 * The field that says what became of the signature (RFC 8601 §2.2, RFC 7281 §3), a result for each signer.
 * @param hostname ours, as authserv-id
 */
export function resultsField(hostname: string, verdict: Verdict): Buffer {
  const { result, reason, signers, opened, part } = verdict
  const comment = opened ? [`(opened, ${opened.join(', ')})`] : []
  const method = [`smime=${result}`, ...comment, ...(reason ? [`reason=${quoted(reason)}`] : [])].join(' ')
  const about = (signer: SeenSigner) =>
    [
      ...signer.emails
        .filter(email => email.length <= LONGEST)
        .slice(0, 1)
        .map(email => `body.smime-identifier=${addressText(email)}`),
      ...(part ? [`body.smime-part=${part}`] : []),
      `body.smime-serial=${signer.serial}`,
      `body.smime-issuer=${quoted(signer.issuer)}`,
    ].join(' ')
  const results = signers.length > 0 ? signers.map(signer => `${method} ${about(signer)}`) : [method]
  return renderField(NAME, [hostname, ...results].join('; '))
}

/** @returns whether a mail as we keep it came encrypted and was opened: the field of ours above all others says so, where nobody else writes */
export function wasOpened(mail: Buffer): boolean {
  return /^Authentication-Results:(?:[^\r\n]|\r\n[ \t])*?\(opened,\s/.test(mail.toString('latin1', 0, MOST_OF_FIELD))
}

/** RFC 8601 §2.2: a value may be an address as it is; what is odd about one is quoted. */
function addressText(email: string): string {
  return /^[a-z0-9._+-]+@[a-z0-9.-]+$/.test(email) ? email : quoted(email)
}

/** RFC 5322 §3.2.4, in ASCII: octets of anything else as RFC 4514 §2.4 writes them. */
function quoted(text: string): string {
  const ascii = text
    .slice(0, LONGEST)
    .replace(/[^\x20-\x7e]/gu, odd => `\\${Buffer.from(odd).toString('hex').toUpperCase().match(/../g)!.join('\\')}`)
  return `"${ascii.replace(/[\\"]/g, '\\$&')}"`
}

/**
 * Takes away what claims to be ours and came with the mail, and what cannot be read: somebody might take it for ours (RFC 8601 §5).
 * @param header with or without the empty line after it
 * @param fields the same, read
 */
export function withoutForgedResults(header: Buffer, fields: readonly HeaderField[], hostname: string): Buffer {
  return removeFields(header, field => field.name.toLowerCase() === NAME.toLowerCase() && mayClaim(field, hostname), fields)
}

function mayClaim({ value }: HeaderField, hostname: string): boolean {
  const id = authservId(value)
  return id === undefined || hostText(id) === hostText(hostname)
}

function hostText(name: string): string {
  const host = name.toLowerCase().replace(/\.$/, '')
  return domainToASCII(host) || host
}

/** RFC 8601 §2.2: `[CFWS] authserv-id [CFWS version] …`, the identifier a token or a quoted string. */
function authservId(value: string): string | undefined {
  const text = behindComments(value)
  const [, token, string, behind] = /^(?:([^\s()<>@,;:\\"/[\]?=]+)|"((?:[^"\\]|\\.)*)")([\s\S]*)$/.exec(text ?? '') ?? []
  if (behind === undefined || !/^(?:[\s;(]|$)/.test(behind)) return undefined
  return token ?? string?.replace(/\\(.)/g, '$1').trim()
}

/** @returns what follows the blanks and comments (RFC 5322 §3.2.2) at the start, or undefined when a comment has no end */
function behindComments(text: string): string | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!
    if (depth > 0 && character === '\\') at += 1
    else if (character === '(') depth += 1
    else if (depth > 0 && character === ')') depth -= 1
    else if (depth === 0 && !/\s/.test(character)) return text.slice(at)
  }
  return depth > 0 ? undefined : ''
}
