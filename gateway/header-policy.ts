import { AddressFault, domainOf, type Mailbox, parseMailboxList } from './address.ts'
import { all, checkUnique, HeaderFault, type HeaderField, isReport, messageId, only, optional } from './header.ts'
import { protectionOf } from './opening/index.ts'
import { type PatientFields, readPatientFields } from './patients/index.ts'
import { Refusal } from './refusals.ts'
import type { OwnBox, Surroundings } from './rules/facts.ts'
import { boxesToUse } from './rules/repair.ts'
import { PASS, pass, type Rule, refuse, SKIP, type Verdict } from './rules/rule.ts'
import { writeAs } from './rules/sender.ts'
import type { MessageRow } from './spool/index.ts'

/** What the gateway reads of a header, once it has been checked. */
export interface HeaderFacts extends PatientFields {
  /** The author's address; of a report, the machine's perhaps. */
  from: string
  messageId: string | undefined
  hasDate: boolean
  report: MessageRow['report']
}

/** The header of a message, with who hands it in. */
export interface HeaderCase<Box extends OwnBox> {
  readonly fields: readonly HeaderField[]
  /** Reverse-path; empty for a report. */
  readonly sender: string
  /** The box that has signed in; undefined when another operator hands the message in. */
  readonly signedIn?: Box | undefined
  /** The other operator's name. */
  readonly peer?: string | undefined
  /** The box written as: by MAIL FROM at first, by From in the end. */
  box?: Box | undefined
  facts?: HeaderFacts
}

/**
 * From, Sender, reports and hops. On submission From is the box of the reverse-path; where that is the sender's own box, or empty (a read
 * receipt), From may also be an ORG or CAB box that has delegated to it, so that the letter bounces to who wrote it. On reception the domain
 * of From is one that the operator may write for.
 */
export function headerRules<Box extends OwnBox>(around: Surroundings<Box>): readonly Rule<HeaderCase<Box>>[] {
  const { trust, patients, mostHops } = around
  const rules: Rule<HeaderCase<Box>>[] = [
    {
      name: 'header-clear',
      check(given) {
        checkUnique(given.fields)
        const author = only(given.fields, 'From')
        const isMachine = !given.signedIn && given.sender === ''
        given.facts = {
          from: isMachine ? reportAuthor(author) : oneMailbox(author).address,
          messageId: messageId(given.fields),
          hasDate: optional(given.fields, 'Date') !== undefined,
          report: isReport(given.fields) ?? null,
          ...readPatientFields(given.fields),
        }
        return PASS
      },
    },
    { name: 'header-hops', check: ({ fields }) => (all(fields, 'Received').length > mostHops ? refuse('loop') : PASS) },
    {
      name: 'header-from-is-box',
      check(given) {
        const { signedIn, box, facts, sender } = given
        if (!signedIn || !box || !facts) return SKIP
        const { from } = facts
        if (from === box.address) return pass('the box of the return path')
        if (sender !== '' && sender !== signedIn.address) return refuse('fromNotSender', boxesToUse([box.address]))
        return writtenAs(given, signedIn, from)
      },
    },
    {
      name: 'header-sender-is-box',
      check({ signedIn, box, fields }) {
        const value = signedIn && optional(fields, 'Sender')
        if (!signedIn || !box || value === undefined) return SKIP
        // RFC 5322 §3.6.2: the author in From, in Sender who transmits.
        const allowed = [...new Set([box.address, signedIn.address])]
        return allowed.includes(oneMailbox(value).address) ? PASS : refuse('fromNotSender', boxesToUse(allowed))
      },
    },
    {
      name: 'header-report-is-yours',
      check: ({ signedIn, facts }) => (signedIn && facts?.report === 'delivery-status' ? refuse('reportNotYours') : PASS),
    },
    {
      name: 'header-null-sender-is-report',
      check({ signedIn, sender, facts, fields }) {
        if (sender !== '' || !facts) return SKIP
        if (facts.report) return PASS
        // What another operator has encrypted shows only when it is opened, here or by the box's own client.
        return !signedIn && protectionOf(fields) === 'encrypted' ? pass('encrypted') : refuse('nullSenderNotReport')
      },
    },
    {
      // A delivery report often comes from a machine's address outside the space: it is let through as such only. A receipt (MDN) is a person's.
      name: 'header-from-is-operator',
      check({ signedIn, sender, peer, facts }) {
        if (signedIn || !facts) return SKIP
        const domain = domainOf(facts.from)
        const isMachine = sender === '' && facts.report === 'delivery-status' && !trust.isListed(domain)
        return isMachine || trust.mayWriteAs(peer ?? '', domain) ? PASS : refuse('fromNotPeer')
      },
    },
    {
      // The conversation was asked of the reverse-path: a letter of one patient does not come under the name of another.
      name: 'header-from-is-patient',
      check({ signedIn, sender, facts }) {
        if (signedIn || !facts) return SKIP
        const isPatient = patients.isPatient(sender) || (sender !== '' && patients.isPatient(facts.from))
        return !isPatient ? SKIP : facts.from === sender ? PASS : refuse('patientNotAuthor')
      },
    },
  ]
  return rules.map(({ name, check }) => ({ name, check: given => clearly(() => check(given)) }))

  async function writtenAs(given: HeaderCase<Box>, signedIn: Box, from: string): Promise<Verdict> {
    const box = await writeAs(around, signedIn, from, 'fromNotSender')
    if ('unknown' in box) return box.unknown
    given.box = box.value
    return pass(`${from} has delegated to ${signedIn.address}`)
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
