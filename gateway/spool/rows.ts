import type { Database } from '../../config/index.ts'
import { type MessageRow, type RecipientRow, spool as sql } from './schema.ts'

export interface Recipient {
  address: string
  domain: string
  orcpt?: string | undefined
  notify?: string | undefined
}

/** What comes with the bytes of a message. */
export interface Envelope {
  origin: MessageRow['origin']
  sender: string
  peer?: string | undefined
  box?: string | undefined
  envid?: string | undefined
  ret?: 'FULL' | 'HDRS' | undefined
  eightBit: boolean
  utf8: boolean
  headerMessageId?: string | undefined
  report?: MessageRow['report']
  about?: string | undefined
  size: number
  sha256: string
  recipients: readonly Recipient[]
}

/** A recipient's row together with what an attempt needs to know of its message. */
export type Leg = RecipientRow &
  Pick<MessageRow, 'origin' | 'sender' | 'box' | 'envid' | 'ret' | 'eight_bit' | 'utf8' | 'size' | 'report' | 'about' | 'accepted_at'> & {
    handed_in_by: string | null
  }

export function messageRow(id: string, envelope: Envelope, at: number, heldForFiling: boolean): MessageRow {
  return {
    id,
    origin: envelope.origin,
    sender: envelope.sender,
    peer: envelope.peer ?? null,
    box: envelope.box ?? null,
    envid: envelope.envid ?? id,
    ret: envelope.ret ?? null,
    eight_bit: Number(envelope.eightBit),
    utf8: Number(envelope.utf8),
    size: envelope.size,
    sha256: envelope.sha256,
    header_message_id: envelope.headerMessageId ?? null,
    report: envelope.report ?? null,
    about: envelope.about ?? null,
    accepted_at: at,
    held_for_filing: Number(heldForFiling),
    bytes_removed_at: null,
  }
}

export function recipientRow(message: MessageRow, position: number, recipient: Recipient, claimedBy: string | null): RecipientRow {
  const noReceipt = message.sender === '' || recipient.notify === 'NEVER'
  return {
    message_id: message.id,
    position,
    address: recipient.address,
    domain: recipient.domain,
    orcpt: recipient.orcpt ?? null,
    notify: recipient.notify ?? null,
    relay: claimedBy ? 'sending' : 'queued',
    receipt: noReceipt ? 'none' : 'awaited',
    attempts: 0,
    due_at: message.accepted_at,
    claimed_by: claimedBy,
    status: null,
    diagnostic: null,
    peer: null,
    warned_at: null,
    settled_at: null,
    receipt_due_at: null,
  }
}

export function legOf(message: MessageRow, recipient: RecipientRow): Leg {
  const { origin, sender, box, envid, ret, eight_bit, utf8, size, report, about, accepted_at } = message
  return { ...recipient, origin, sender, box, envid, ret, eight_bit, utf8, size, report, about, accepted_at, handed_in_by: message.peer }
}

/** A row with the addresses of patients as they are. */
export function shown<Row extends { address: string; orcpt: string | null; sender?: string }>(
  row: Row,
  show: (text: string) => string,
): Row {
  const sender = row.sender === undefined ? {} : { sender: show(row.sender) }
  return { ...row, ...sender, address: show(row.address), orcpt: row.orcpt && show(row.orcpt) }
}

/** @returns the recipients, each with what is needed of its message */
export async function withMessages(db: Database, recipients: readonly RecipientRow[], show: (text: string) => string): Promise<Leg[]> {
  if (recipients.length === 0) return []
  const ids = [...new Set(recipients.map(row => row.message_id))]
  const messages = new Map((await db.run(sql.selectFrom('message').selectAll().where('id', 'in', ids))).map(row => [row.id, row]))
  return recipients.map(recipient => shown(legOf(messages.get(recipient.message_id)!, recipient), show))
}

export function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size))
}
