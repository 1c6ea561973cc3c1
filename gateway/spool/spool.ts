import { type Database, type Detail, type NewFile, prepared, type Query, required, STALE, type Statement } from '../../config/index.ts'
import type { Bytes, Draft } from './bytes.ts'
import { receiptBefore } from './legs.ts'
import type { EventRow, MessageRow, Receipt, RecipientRow } from './schema.ts'
import { spool as sql } from './schema.ts'

const insertMessage = prepared((row: MessageRow) => sql.insertInto('message').values(row))
const insertRecipient = prepared((row: RecipientRow) => sql.insertInto('recipient').values(row))
const insertEvent = prepared((row: EventRow) => sql.insertInto('event').values(row))

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

/** Rows and bytes written, not yet accepted: joins the transaction of what causes it. */
export interface Prepared {
  readonly id: string
  readonly legs: readonly Leg[]
  readonly rows: readonly Statement[]
  readonly files: readonly NewFile[]
}

export interface SpoolOptions {
  db: Database
  bytes: Bytes
  /** This process, as in the `owner` table. */
  owner: string
  now(): number
  newId(): string
}

export type Spool = ReturnType<typeof openSpool>

/**
 * The one durable truth about every message.
 *   S1 file being written    no row            swept after 36 h
 *   S2 file synced           no row            swept after 36 h
 *   S3 file + rows           accepted          belongs to the dispatcher
 *   S4 rows, all settled     file removed      kept as evidence
 */
export function openSpool({ db, bytes, owner, now, newId }: SpoolOptions) {
  let lastSeq = 0
  /** Rises with every line, also within one millisecond, and over restarts. */
  const nextSeq = () => {
    lastSeq = Math.max(lastSeq + 1, now() * 1000)
    return lastSeq
  }

  const event = (messageId: string, position: number | null, kind: string, detail: Detail = {}): Query =>
    insertEvent({ message_id: messageId, position, at: now(), seq: nextSeq(), kind, detail: JSON.stringify(detail) })

  /** Ends the bytes, builds the rows. @param claimed whether the dispatcher starts on it at once, without asking for due rows */
  async function prepare(draft: Draft, envelope: Envelope, claimed: boolean, heldForFiling = false): Promise<Prepared> {
    const files = await draft.seal()
    const message = messageRow(draft.id, envelope, now(), heldForFiling)
    const recipients = envelope.recipients.map((recipient, position) => recipientRow(message, position, recipient, claimed ? owner : null))
    const rows = [insertMessage(message), ...recipients.map(insertRecipient)]
    return { id: draft.id, rows, files, legs: recipients.map(recipient => legOf(message, recipient)) }
  }

  return {
    event,
    prepare,
    newDraft: (): Draft => bytes.create(newId()),
    read: (id: string) => bytes.read(id),

    /** Takes responsibility: reply 250 only after this resolves (RFC 5321 §6.1). Extra rows are written in the same transaction. */
    async accept(prepared: Prepared, extra: readonly Statement[] = []): Promise<void> {
      await db.atomically([...prepared.rows, ...extra], prepared.files)
    },

    /** Takes due recipients for this process. @param busy domains that have enough to do */
    async claimDue(most: number, busy: readonly string[]): Promise<Leg[]> {
      const due = sql
        .selectFrom('recipient')
        .select(['message_id', 'position'])
        .where('relay', '=', 'queued')
        .where('due_at', '<=', now())
        .$if(busy.length > 0, query => query.where('domain', 'not in', [...busy]))
        .orderBy('due_at')
        .limit(most)
      const claimed = await db.run(
        sql
          .updateTable('recipient')
          .set({ relay: 'sending', claimed_by: owner })
          .where(({ eb, refTuple }) => eb(refTuple('message_id', 'position'), 'in', due.$asTuple('message_id', 'position')))
          .where('relay', '=', 'queued')
          .returningAll(),
      )
      return withMessages(db, claimed)
    },

    /** @returns when the next queued recipient is due, or undefined */
    async nextDue(): Promise<number | undefined> {
      const [row] = await db.run(
        sql
          .selectFrom('recipient')
          .select(({ fn }) => fn.min('due_at').as('at'))
          .where('relay', '=', 'queued'),
      )
      return row?.at ?? undefined
    },

    /**
     * Ends an attempt: columns, ledger line and whatever else it causes move together.
     * @returns false when the row is no longer ours (claim lost): then nothing is done, so no report is ever sent twice
     */
    async settle(leg: Leg, change: Partial<RecipientRow>, extra: readonly Statement[], report?: Prepared): Promise<boolean> {
      const ours = sql
        .updateTable('recipient')
        .set({ ...change, claimed_by: null })
        .where('message_id', '=', leg.message_id)
        .where('position', '=', leg.position)
        .where('relay', '=', 'sending')
        .where('claimed_by', '=', owner)
        .returning('position')
      return doneUnlessStale(db.atomically([required(ours), ...extra, ...(report?.rows ?? [])], report?.files))
    },

    /** Moves a receipt along its table. @returns whether it moved */
    async moveReceipt(messageId: string, position: number, receipt: Receipt, detail: Detail, report?: Prepared): Promise<boolean> {
      const move = sql
        .updateTable('recipient')
        .set({ receipt, receipt_due_at: null })
        .where('message_id', '=', messageId)
        .where('position', '=', position)
        .where('receipt', 'in', receiptBefore(receipt))
        .returning('position')
      return doneUnlessStale(
        db.atomically([required(move), event(messageId, position, receipt, detail), ...(report?.rows ?? [])], report?.files),
      )
    },

    async note(messageId: string, kind: string, detail: Detail = {}): Promise<void> {
      await db.run(event(messageId, null, kind, detail))
    },

    /** The filing side has what it wanted of the bytes. */
    async release(messageId: string): Promise<void> {
      await db.run(sql.updateTable('message').set({ held_for_filing: 0 }).where('id', '=', messageId))
    },

    /** Messages that a report may be about, sent by the mailbox that the report came to. */
    async candidates(sender: string, by: { envids: readonly string[]; headerMessageIds: readonly string[] }) {
      if (by.envids.length + by.headerMessageIds.length === 0) return []
      return db.run(
        sql
          .selectFrom('message')
          .innerJoin('recipient', 'recipient.message_id', 'message.id')
          .select(['message.id as messageId', 'envid', 'header_message_id', 'position', 'address', 'orcpt', 'notify', 'relay'])
          .where('message.sender', '=', sender)
          .where(({ eb, or }) => or([eb('envid', 'in', [...by.envids]), eb('header_message_id', 'in', [...by.headerMessageIds])])),
      )
    },

    /** @returns recipients relayed whose receipt has not come in time, with their message */
    async overdue(most: number): Promise<Leg[]> {
      const rows = await db.run(
        sql
          .selectFrom('recipient')
          .selectAll()
          .where('receipt', '=', 'awaited')
          .where('relay', '=', 'sent')
          .where('receipt_due_at', '<=', now())
          .limit(most),
      )
      return withMessages(db, rows)
    },

    /** Removes the bytes of messages that are done (S4). @returns how many */
    async removeDone(most: number): Promise<number> {
      const done = await db.run(
        sql
          .selectFrom('message')
          .select('id')
          .where('bytes_removed_at', 'is', null)
          .where('held_for_filing', '=', 0)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('recipient')
                  .whereRef('message_id', '=', 'message.id')
                  .where('relay', 'in', ['queued', 'sending'])
                  .select('position'),
              ),
            ),
          )
          .limit(most),
      )
      await Promise.all(done.map(({ id }) => bytes.remove(id)))
      const ids = done.map(({ id }) => id)
      if (ids.length > 0) await db.run(sql.updateTable('message').set({ bytes_removed_at: now() }).where('id', 'in', ids))
      return ids.length
    },

    /** Removes files that never got rows (S1, S2). @returns how many */
    async removeOrphans(): Promise<number> {
      const stale = await bytes.stale(now())
      const known = new Set<string>()
      for (const some of chunks(stale, 500)) {
        for (const { id } of await db.run(sql.selectFrom('message').select('id').where('id', 'in', some))) known.add(id)
      }
      const orphans = stale.filter(id => !known.has(id))
      await Promise.all(orphans.map(id => bytes.remove(id)))
      return orphans.length
    },

    /** What was prepared is not accepted after all. */
    discard: (prepared: Prepared) => bytes.remove(prepared.id),
  }
}

async function doneUnlessStale(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if ((error as Error).message === STALE) return false
    throw error
  }
}

function messageRow(id: string, envelope: Envelope, at: number, heldForFiling: boolean): MessageRow {
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

function recipientRow(message: MessageRow, position: number, recipient: Recipient, claimedBy: string | null): RecipientRow {
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

function legOf(message: MessageRow, recipient: RecipientRow): Leg {
  const { origin, sender, box, envid, ret, eight_bit, utf8, size, report, about, accepted_at } = message
  return { ...recipient, origin, sender, box, envid, ret, eight_bit, utf8, size, report, about, accepted_at, handed_in_by: message.peer }
}

async function withMessages(db: Database, recipients: readonly RecipientRow[]): Promise<Leg[]> {
  if (recipients.length === 0) return []
  const ids = [...new Set(recipients.map(row => row.message_id))]
  const messages = new Map((await db.run(sql.selectFrom('message').selectAll().where('id', 'in', ids))).map(row => [row.id, row]))
  return recipients.map(recipient => legOf(messages.get(recipient.message_id)!, recipient))
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size))
}
