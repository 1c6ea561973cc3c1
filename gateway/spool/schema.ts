import { type Migration, tables } from '../../config/index.ts'

export type Relay = 'queued' | 'sending' | 'sent' | 'failed'
export type Receipt = 'none' | 'awaited' | 'delivered' | 'displayed' | 'failed' | 'overdue'

export interface MessageRow {
  id: string
  origin: 'submission' | 'reception' | 'report'
  /** Reverse-path; empty for reports (RFC 5321 §4.5.5). */
  sender: string
  /** DN of the operator that handed it in (reception only): who may speak for whom. */
  peer: string | null
  /** Box that submitted it: the null reverse-path of an MDN does not say who wrote it. */
  box: string | null
  /** RFC 3461 §4.4: the sender's, or our id when he gave none; it is what reports come back with. */
  envid: string
  ret: 'FULL' | 'HDRS' | null
  eight_bit: number
  utf8: number
  size: number
  /** Of the octets that were handed in, before anything was added or opened; of a report of ours, of what it is. */
  sha256: string
  /** Message-ID field: what an MDN answers (RFC 8098 §3.2.5). */
  header_message_id: string | null
  report: 'delivery-status' | 'disposition-notification' | null
  /** The message that this report of ours, or a report that came back, is about. */
  about: string | null
  accepted_at: number
  /** 1 while the filing side still needs the bytes. */
  held_for_filing: number
  bytes_removed_at: number | null
}

export interface RecipientRow {
  message_id: string
  position: number
  address: string
  domain: string
  orcpt: string | null
  /** As the sender asked (RFC 3461 §4.1), comma separated; null when he said nothing. */
  notify: string | null
  relay: Relay
  receipt: Receipt
  attempts: number
  due_at: number
  claimed_by: string | null
  status: string | null
  diagnostic: string | null
  peer: string | null
  warned_at: number | null
  settled_at: number | null
  receipt_due_at: number | null
}

export interface EventRow {
  message_id: string
  position: number | null
  at: number
  seq: number
  kind: string
  detail: string
}

export interface OwnerRow {
  id: string
  host: string
  pid: number
  seen_at: number
  /** the master key that it seals with */
  seals_under: string | null
}

export interface SpoolTables {
  message: MessageRow
  recipient: RecipientRow
  event: EventRow
  owner: OwnerRow
}

export const spool = tables<SpoolTables>()

export const spoolMigrations: Migration[] = [
  {
    id: 'spool-1',
    up: [
      `CREATE TABLE message (
        id TEXT PRIMARY KEY, origin TEXT NOT NULL, sender TEXT NOT NULL, peer TEXT, box TEXT, envid TEXT NOT NULL, ret TEXT,
        eight_bit INTEGER NOT NULL, utf8 INTEGER NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, header_message_id TEXT,
        report TEXT, about TEXT, accepted_at BIGINT NOT NULL, held_for_filing INTEGER NOT NULL, bytes_removed_at BIGINT)`,
      // A report that comes back names its message by one of these two.
      'CREATE INDEX message_envid ON message (envid)',
      'CREATE INDEX message_header_id ON message (header_message_id)',
      `CREATE TABLE recipient (
        message_id TEXT NOT NULL REFERENCES message (id), position INTEGER NOT NULL, address TEXT NOT NULL, domain TEXT NOT NULL,
        orcpt TEXT, notify TEXT, relay TEXT NOT NULL, receipt TEXT NOT NULL, attempts INTEGER NOT NULL, due_at BIGINT NOT NULL,
        claimed_by TEXT, status TEXT, diagnostic TEXT, peer TEXT, warned_at BIGINT, settled_at BIGINT, receipt_due_at BIGINT,
        PRIMARY KEY (message_id, position))`,
      // The dispatcher's question: which recipients are due? Settled ones are the many, so they stay out.
      "CREATE INDEX recipient_due ON recipient (due_at) WHERE relay = 'queued'",
      "CREATE INDEX recipient_claimed ON recipient (claimed_by) WHERE relay = 'sending'",
      "CREATE INDEX recipient_receipt_due ON recipient (receipt_due_at) WHERE receipt = 'awaited' AND relay = 'sent'",
      // Evidence, append only; read by message.
      `CREATE TABLE event (
        message_id TEXT NOT NULL, position INTEGER, at BIGINT NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL)`,
      'CREATE INDEX event_message ON event (message_id, at, seq)',
      // Who holds claims: a claim is released when its owner is dead.
      'CREATE TABLE owner (id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, seen_at BIGINT NOT NULL)',
    ],
  },
  {
    id: 'spool-2',
    up: [
      // What the sweeps ask, without reading all that was ever kept as evidence.
      'CREATE INDEX message_with_bytes ON message (id) WHERE bytes_removed_at IS NULL',
      "CREATE INDEX event_sign ON event (seq) WHERE kind IN ('delivered', 'displayed', 'failed')",
    ],
  },
  {
    id: 'spool-3-owners-key',
    // A key is not removed while anybody still seals under it.
    up: ['ALTER TABLE owner ADD COLUMN seals_under TEXT'],
  },
]
