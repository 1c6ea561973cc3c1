import { encodeWords } from 'nodemailer/lib/mime-funcs'
import * as quotedPrintable from 'nodemailer/lib/qp'
import { domainOf } from '../address.ts'
import { renderField } from '../header.ts'

export interface NoticeMail {
  /** Address of the postmaster who signs. */
  from: string
  /** Name beside it, ASCII. */
  name: string
  to: string
  subject: string
  lines: readonly string[]
  /** More fields, rendered. */
  fields?: readonly Buffer[]
  /** Message-ID field of what it answers. */
  answered?: string | undefined
  now: Date
  newId: () => string
}

/** A mail that a program writes to a person, in French. Send it with a null reverse-path. @returns the message: CRLF, ASCII */
export function buildNoticeMail({ from, name, to, subject, lines, fields = [], answered, now, newId }: NoticeMail): Buffer {
  const text = ['Bonjour,', '', ...lines, '', 'Cet avis est automatique : n’y répondez pas.', ''].join('\r\n')
  return Buffer.concat([
    renderField('From', `"${name}" <${from}>`),
    renderField('To', `<${to}>`),
    renderField('Subject', encodeWords(subject, 'Q', 52, true)),
    renderField('Date', now.toUTCString().replace('GMT', '+0000')),
    renderField('Message-ID', `<${newId()}@${domainOf(from)}>`),
    ...(answered === undefined ? [] : [renderField('In-Reply-To', answered), renderField('References', answered)]),
    renderField('Auto-Submitted', 'auto-generated'), // RFC 3834 §5
    ...fields,
    renderField('MIME-Version', '1.0'),
    renderField('Content-Type', 'text/plain; charset=utf-8'),
    renderField('Content-Language', 'fr'),
    renderField('Content-Transfer-Encoding', 'quoted-printable'),
    Buffer.from(`\r\n${quotedPrintable.wrap(quotedPrintable.encode(text), 76)}\r\n`),
  ])
}
