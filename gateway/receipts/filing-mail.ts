import { type FilingNews, filingFields, filingLines, filingSubject } from './filing-words.ts'
import { buildNoticeMail } from './notice-mail.ts'
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
export function buildFilingMail({ news, arrival, ...mail }: FilingMailRequest): Buffer {
  return buildNoticeMail({
    ...mail,
    name: 'Suivi des messages',
    subject: filingSubject(news),
    lines: [
      `Au sujet des documents de votre message du ${frenchTime(arrival)} (heure de Paris) :`,
      '',
      ...filingLines(news),
      '',
      'La remise de votre message à ses destinataires n’en dépend pas.',
    ],
    fields: filingFields(news),
  })
}
