import type { DsnAction } from './dsn.ts'
import { type Fields, readBlocks, recipientKey } from './report-fields.ts'

export interface ReportedRecipient {
  /** Comparable form (`recipientKey`) of Original-Recipient and Final-Recipient. */
  original?: string
  final?: string
  action: DsnAction
  /** Enhanced status; `0.0.0` never occurs: an absent one is that of its action. */
  status: string
  /** The reporter's words on one line. They may hold anything: for the sender's eyes, not for logs. */
  diagnostic?: string
  remoteMta?: string
}

export interface Dsn {
  kind: 'dsn'
  envid?: string
  reportingMta?: string
  /** Message-ID of the message that the report carries back. */
  headerMessageId?: string
  recipients: ReportedRecipient[]
}

/**
 * Reads the body of a message/delivery-status part (RFC 3464). Recipients without a known Action are left out: a report that
 * does not say what happened moves nothing.
 * @returns undefined when no recipient is left
 */
export function readDsn(text: string): Dsn | undefined {
  const [first, ...others] = readBlocks(text)
  if (first === undefined) return undefined
  // Seen in the field: no empty line between the fields of the message and those of its only recipient.
  const blocks = first.has('action') ? [first, ...others] : others
  const recipients = blocks.map(readRecipient).filter(recipient => recipient !== undefined)
  if (recipients.length === 0) return undefined
  return {
    kind: 'dsn',
    ...present('envid', first.get('original-envelope-id')),
    ...present('reportingMta', untyped(first.get('reporting-mta'))),
    recipients,
  }
}

/** Status when a report leaves it out (RFC 3464 §2.3.4 forbids to): the class that the action implies. */
const statusOf: Record<DsnAction, string> = { failed: '5.0.0', delayed: '4.0.0', delivered: '2.0.0', relayed: '2.0.0', expanded: '2.0.0' }

function readRecipient(fields: Fields): ReportedRecipient | undefined {
  const action = /^[a-z]+/.exec(fields.get('action')?.toLowerCase() ?? '')?.[0] ?? ''
  if (!isAction(action)) return undefined
  const status = /^[245]\.\d{1,3}\.\d{1,3}/.exec(fields.get('status') ?? '')?.[0] ?? statusOf[action]
  return {
    ...present('original', mapped(fields.get('original-recipient'), recipientKey)),
    ...present('final', mapped(fields.get('final-recipient'), recipientKey)),
    action,
    status,
    ...present('diagnostic', untyped(fields.get('diagnostic-code'))?.slice(0, 500)),
    ...present('remoteMta', untyped(fields.get('remote-mta'))),
  }
}

function isAction(text: string): text is DsnAction {
  return Object.hasOwn(statusOf, text)
}

/** RFC 3464 §2.1.2: `dns; host`, `smtp; 550 …`. */
function untyped(value: string | undefined): string | undefined {
  return value?.replace(/^[A-Za-z0-9-]+[ \t]*;[ \t]*/, '')
}

function mapped(value: string | undefined, map: (value: string) => string): string | undefined {
  return value === undefined ? undefined : map(value)
}

/** An optional property, present only with a value that is not empty. */
export function present<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string })
}
