import { type ParsedMail, simpleParser } from 'mailparser'

/** A report in a mailbox, as its reader's program shows it. */
export interface ReportMail {
  subject: string
  text: string
  /** Fields of the machine-readable part, `Name: value` in lines. */
  machine: string
  /** What is returned of the message: its header, or the whole. */
  returned: string
}

/** @returns the reports among the messages of a mailbox */
export async function reportsIn(mailbox: readonly Buffer[]): Promise<ReportMail[]> {
  const mails = await Promise.all(mailbox.map(mail => simpleParser(mail, { keepDeliveryStatus: true, skipTextToHtml: true })))
  return mails.filter(mail => /^multipart\/report/.test(typeOf(mail))).map(asReport)
}

function typeOf(mail: ParsedMail): string {
  const value = mail.headers.get('content-type')
  return typeof value === 'object' && 'value' in value ? String(value.value) : ''
}

function asReport(mail: ParsedMail): ReportMail {
  const part = (type: RegExp) => mail.attachments.find(({ contentType }) => type.test(contentType))?.content.toString() ?? ''
  return {
    subject: mail.subject ?? '',
    text: mail.text ?? '',
    machine: part(/^message\/(delivery-status|disposition-notification)/),
    returned: part(/^(text\/rfc822-headers|message\/rfc822)/),
  }
}

export interface MdnOptions {
  from: string
  to: string
  /** Whom the notification speaks for; the writer himself when absent. */
  final?: string
  /** With `<` and `>`. */
  messageId: string
  disposition: string
  /** More fields of the machine-readable part. */
  fields?: readonly string[]
}

/** A disposition notification (RFC 8098 §3), as a mail program or a practice's software writes it. */
export function buildMdn({ from, to, final = from, messageId, disposition, fields = [] }: MdnOptions): Buffer {
  return Buffer.from(
    [
      `From: <${from}>`,
      `To: <${to}>`,
      'Subject: Lu',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=disposition-notification; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; charset=utf-8',
      '',
      'Votre message a été lu.',
      '--b',
      'Content-Type: message/disposition-notification',
      '',
      'Reporting-UA: essai.example; Essai 1.0',
      `Final-Recipient: rfc822; ${final}`,
      `Original-Message-ID: ${messageId}`,
      `Disposition: ${disposition}`,
      ...fields,
      '',
      '--b--',
      '',
    ].join('\r\n'),
  )
}
