import { AddressFault, domainOf, type Mailbox, parseMailboxList } from './address.ts'
import { all, checkUnique, HeaderFault, type HeaderField, isReport, messageId, only, optional } from './header.ts'
import { type PatientFields, readPatientFields } from './patients/index.ts'
import { Refusal } from './refusals.ts'
import type { MessageRow } from './spool/index.ts'

/** What the gateway reads of a header, once it has been checked. */
export interface HeaderFacts extends PatientFields {
  /** The author's address. */
  from: string
  messageId: string | undefined
  hasDate: boolean
  report: MessageRow['report']
}

/**
 * A box of ours submits: From holds one mailbox, Sender too when it is there, and both are the box itself.
 * @param sender the reverse-path; empty for a report
 * @throws Refusal
 */
export function checkSubmittedHeader(fields: readonly HeaderField[], box: string, sender: string, mostHops: number): HeaderFacts {
  return clearly(() => {
    const facts = readFacts(fields, mostHops)
    const from = oneMailbox(only(fields, 'From')).address
    const named = optional(fields, 'Sender')
    const isBox = from === box && (named === undefined || oneMailbox(named).address === box)
    if (!isBox) throw new Refusal('fromNotSender', `you are ${box}`)
    if (facts.report === 'delivery-status') throw new Refusal('reportNotYours')
    if (sender === '' && !facts.report) throw new Refusal('nullSenderNotReport')
    return { ...facts, from }
  })
}

/**
 * Another operator hands a message in: the domain of From is one that the operator may write for.
 * A report (null reverse-path) often comes from a machine's address outside the space; it is let through as a report only.
 */
export function checkReceivedHeader(
  fields: readonly HeaderField[],
  options: { sender: string; mostHops: number; mayWrite(domain: string): boolean; isListed(domain: string): boolean },
): HeaderFacts {
  return clearly(() => {
    const facts = readFacts(fields, options.mostHops)
    if (options.sender === '' && !facts.report) throw new Refusal('nullSenderNotReport')
    const author = only(fields, 'From')
    const from = options.sender === '' ? reportAuthor(author) : oneMailbox(author).address
    const domain = domainOf(from)
    const isMachine = options.sender === '' && !options.isListed(domain)
    if (!isMachine && !options.mayWrite(domain)) throw new Refusal('fromNotPeer')
    return { ...facts, from }
  })
}

function readFacts(fields: readonly HeaderField[], mostHops: number): Omit<HeaderFacts, 'from'> {
  checkUnique(fields)
  if (all(fields, 'Received').length > mostHops) throw new Refusal('loop')
  return {
    messageId: messageId(fields),
    hasDate: optional(fields, 'Date') !== undefined,
    report: isReport(fields) ?? null,
    ...readPatientFields(fields),
  }
}

/** `MAILER-DAEMON@host (Mail Delivery System)` is how the commonest servers sign: one address, and a comment that hides none. */
function reportAuthor(value: string): string {
  const plain = /^([^\s<>()"@,;:]+@[A-Za-z0-9.-]+)\s*\([^()<>@"\\]*\)$/.exec(value)
  return plain?.[1]?.toLowerCase() ?? oneMailbox(value).address
}

function oneMailbox(value: string): Mailbox {
  const [mailbox, ...others] = parseMailboxList(value)
  if (!mailbox || others.length > 0) throw new Refusal('headerUnclear', 'the From and Sender fields hold one mailbox each')
  return mailbox
}

/** A header that can be read in two ways is refused with what is unclear about it. */
function clearly<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof HeaderFault || error instanceof AddressFault) throw new Refusal('headerUnclear', error.message)
    throw error
  }
}
