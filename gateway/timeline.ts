import type { Database } from '../config/index.ts'
import { type FilingView, openOrders } from '../dmp-bridge/index.ts'
import { maskPatient } from './address.ts'
import { type EventRow, type MessageRow, type RecipientRow, spool as sql } from './spool/index.ts'

export interface TimelineLine {
  at: number
  what: string
  to?: string
  /** Which recipient: addresses of patients are masked, and then alike. */
  position?: number
  detail: Record<string, string>
}

/** The three questions about a recipient (filing is asked once for each document, so it is the same for all). */
export interface RecipientState {
  address: string
  relay: RecipientRow['relay']
  receipt: RecipientRow['receipt']
  filing: string
  attempts: number
  status: string | null
  diagnostic: string | null
}

export interface Timeline {
  message: MessageRow
  recipients: RecipientState[]
  filings: FilingView[]
  lines: TimelineLine[]
}

/**
 * Everything that is known of one message, in order.
 * @param id ours (the answer to DATA names it), or the Message-ID field with or without angle brackets
 */
export async function timelineOf(db: Database, id: string): Promise<Timeline | undefined> {
  const header = id.startsWith('<') ? id : `<${id}>`
  const [message] = await db.run(
    sql
      .selectFrom('message')
      .selectAll()
      .where(({ eb, or }) => or([eb('id', '=', id), eb('header_message_id', '=', header)]))
      .orderBy('accepted_at')
      .limit(1),
  )
  if (!message) return undefined
  const [recipients, events, filings] = await Promise.all([
    db.run(sql.selectFrom('recipient').selectAll().where('message_id', '=', message.id).orderBy('position')),
    db.run(sql.selectFrom('event').selectAll().where('message_id', '=', message.id).orderBy('at').orderBy('seq')),
    openOrders(db, { now: Date.now }).list({ messageId: message.id }),
  ])
  const filing = filingState(filings.map(({ state }) => state))
  return {
    message: { ...message, sender: maskPatient(message.sender) },
    recipients: recipients.map(row => stateOf(row, filing)),
    filings,
    lines: [accepted(message, recipients, events), ...events.filter(row => row.kind !== 'accepted').map(row => lineOf(row, recipients))],
  }
}

/** Who signed in and what the decisions rested on stand in an event of their own; a report of ours has none. */
function accepted(message: MessageRow, recipients: readonly RecipientRow[], events: readonly EventRow[]): TimelineLine {
  const { accepted_at, sender, size, origin, sha256 } = message
  const from = sender === '' ? '<>' : maskPatient(sender)
  const said = JSON.parse(events.find(({ kind }) => kind === 'accepted')?.detail ?? '{}') as Record<string, string>
  return {
    at: accepted_at,
    what: 'accepted',
    detail: {
      from,
      recipients: String(recipients.length),
      bytes: String(size),
      origin,
      ...said,
      ...(origin === 'report' ? {} : { sha256Received: sha256 }),
    },
  }
}

function lineOf({ at, kind, position, detail }: EventRow, recipients: readonly RecipientRow[]): TimelineLine {
  const to = recipients.find(row => row.position === position)?.address
  return {
    ...{ at, what: kind, detail: JSON.parse(detail) as Record<string, string> },
    ...(to && position !== null ? { to: maskPatient(to), position } : {}),
  }
}

function stateOf(row: RecipientRow, filing: string): RecipientState {
  const { relay, receipt, attempts, status, diagnostic } = row
  return { address: maskPatient(row.address), relay, receipt, filing, attempts, status, diagnostic }
}

/** What still waits comes first; a message without documents has none. */
function filingState(states: readonly string[]): string {
  return ['pending', 'held', 'refused', 'filed', 'ignored'].find(state => states.includes(state)) ?? 'none'
}
