import { encodeWords } from 'nodemailer/lib/mime-funcs'
import * as quotedPrintable from 'nodemailer/lib/qp'
import { domainOf } from '../address.ts'
import { renderField } from '../header.ts'
import { type FilingNews, filingFields, filingLines, filingSubject } from './filing-words.ts'
import { frenchTime } from './words.ts'

export interface FilingMailRequest {
  news: FilingNews
  /** Address of the postmaster who signs. */
  from: string
  /** Who sent the message. */
  to: string
  /** When the message was accepted. */
  arrival: Date
  /** Its Message-ID field. */
  answered?: string | undefined
  now: Date
  newId: () => string
}

/**
 * A mail of its own about the filing of one message's documents: French text, and a field for each document. Send it with a null reverse-path.
 * @returns the message: CRLF, ASCII
 */
export function buildFilingMail({ news, from, to, arrival, answered, now, newId }: FilingMailRequest): Buffer {
  const lines = [
    'Bonjour,',
    '',
    `Au sujet des documents de votre message du ${frenchTime(arrival)} (heure de Paris) :`,
    '',
    ...filingLines(news),
    '',
    'La remise de votre message à ses destinataires n’en dépend pas.',
    '',
    'Cet avis est automatique : n’y répondez pas.',
    '',
  ]
  return Buffer.concat([
    renderField('From', `"Suivi des messages" <${from}>`),
    renderField('To', `<${to}>`),
    renderField('Subject', encodeWords(filingSubject(news), 'Q', 52, true)),
    renderField('Date', now.toUTCString().replace('GMT', '+0000')),
    renderField('Message-ID', `<${newId()}@${domainOf(from)}>`),
    ...(answered === undefined ? [] : [renderField('In-Reply-To', answered), renderField('References', answered)]),
    renderField('Auto-Submitted', 'auto-generated'), // RFC 3834 §5
    ...filingFields(news),
    renderField('MIME-Version', '1.0'),
    renderField('Content-Type', 'text/plain; charset=utf-8'),
    renderField('Content-Language', 'fr'),
    renderField('Content-Transfer-Encoding', 'quoted-printable'),
    Buffer.from(`\r\n${quotedPrintable.wrap(quotedPrintable.encode(lines.join('\r\n')), 76)}\r\n`),
  ])
}
