import { removeField, renderField } from './header.ts'
import type { HeaderFacts } from './header-policy.ts'
import { MES_FIELD } from './patients/index.ts'
import { dateTime } from './trace-header.ts'

export interface SubmittedHeader {
  facts: HeaderFacts
  /** as headerMessageId() gives it */
  messageId: string
  toPatient: boolean
  at: Date
}

/** @returns the header of a submission, completed (RFC 6409 §8), without what is for others */
export function completed(header: Buffer, { facts, messageId, toPatient, at }: SubmittedHeader): Buffer {
  const added = [
    ...(facts.messageId ? [] : [renderField('Message-ID', messageId)]),
    ...(facts.hasDate ? [] : [renderField('Date', dateTime(at))]),
  ]
  return Buffer.concat([...added, hiddenFields(toPatient).reduce(removeField, header)])
}

/** The author's Message-ID, else ours. @param id of the message, as the spool knows it */
export function headerMessageId({ messageId }: HeaderFacts, id: string, hostname: string): string {
  return messageId ?? `<${id}@${hostname}>`
}

/** RFC 5322 §3.6.3 and §3.6.6: nobody learns of a Bcc recipient. The end of a conversation is said to patients only (spec MSSanté §2.3). */
function hiddenFields(toPatient: boolean): string[] {
  return ['Bcc', 'Resent-Bcc', ...(toPatient ? [] : [MES_FIELD])]
}
