import { AddressFault, parseMailboxList } from '../address.ts'
import { all, type HeaderField, optional } from '../header.ts'

/** What a header says to patients. */
export interface PatientFields {
  /** The professional ends the conversation, and how he says so (ECO.2.2.8). */
  closes: 'header' | 'subject' | undefined
  /** The one mailbox of Reply-To. Several name nobody in particular: then none is kept. */
  replyTo: string | undefined
}

/** The field by which a conversation is ended; it goes to patients only (spec MSSanté §2.3). */
export const MES_FIELD = 'X-MSS-MES'

/** @throws HeaderFault when a field that occurs once occurs twice */
export function readPatientFields(fields: readonly HeaderField[]): PatientFields {
  const byHeader = all(fields, MES_FIELD).some(({ value }) => value.toUpperCase() === 'FIN')
  const bySubject = isEnd(optional(fields, 'Subject') ?? '')
  return { closes: byHeader ? 'header' : bySubject ? 'subject' : undefined, replyTo: onlyMailbox(optional(fields, 'Reply-To')) }
}

/** The subject is `[FIN]` and nothing else. Programs may write the brackets as encoded words (RFC 2047). */
function isEnd(subject: string): boolean {
  return decoded(subject).trim() === '[FIN]'
}

const encodedWord = /=\?([\w-]+)(?:\*[\w-]+)?\?([BbQq])\?([!->@-~]*)\?=/g

/** Only ASCII is looked for, which is the same in every charset of mail; the rest may come out as it likes. */
function decoded(subject: string): string {
  return subject
    .replace(/\?=[ \t]+=\?/g, '?==?') // RFC 2047 §6.2: blanks between two words are not shown
    .replace(encodedWord, (_, _charset, encoding: string, text: string) =>
      encoding.toUpperCase() === 'B' ? Buffer.from(text, 'base64').toString('latin1') : decodedQ(text),
    )
}

function decodedQ(text: string): string {
  const octet = (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))
  return text.replaceAll('_', ' ').replace(/=([0-9A-Fa-f]{2})/g, octet)
}

function onlyMailbox(value: string | undefined): string | undefined {
  try {
    const [mailbox, ...others] = value === undefined ? [] : parseMailboxList(value)
    return others.length === 0 ? mailbox?.address : undefined
  } catch (error) {
    if (error instanceof AddressFault) return undefined
    throw error
  }
}
