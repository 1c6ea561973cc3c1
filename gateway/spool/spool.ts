import { type Database, type Detail, type NewFile, prepared, type Query, required, STALE, type Statement } from '../../config/index.ts'
import { maskPatientsIn } from '../address.ts'
import type { Bytes, Draft } from './bytes.ts'
import { receiptBefore } from './legs.ts'
import { type Envelope, type Leg, legOf, messageRow, recipientRow, shown, withMessages } from './rows.ts'
import { type EventRow, type MessageRow, type Receipt, type RecipientRow, spool as sql } from './schema.ts'

const insertMessage = prepared((row: MessageRow) => sql.insertInto('message').values(row))
const insertRecipient = prepared((row: RecipientRow) => sql.insertInto('recipient').values(row))
const insertEvent = prepared((row: EventRow) => sql.insertInto('event').values(row))

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
  /** How rows hold the addresses of patients. */
  hidden: { hide(text: string): string; show(text: string): string }
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
export function openSpool({ db, bytes, hidden, owner, now, newId }: SpoolOptions) {
  let lastSeq = 0
  /** Rises with every line, also within one millisecond, and over restarts. */
  const nextSeq = () => {
    lastSeq = Math.max(lastSeq + 1, now() * 1000)
    return lastSeq
  }

  const event = (messageId: string, position: number | null, kind: string, detail: Detail = {}): Query =>
    insertEvent({ message_id: messageId, position, at: now(), seq: nextSeq(), kind, detail: maskPatientsIn(JSON.stringify(detail)) })

  /** Ends the bytes, builds the rows. @param claimed whether the dispatcher starts on it at once, without asking for due rows */
  async function prepare(draft: Draft, envelope: Envelope, claimed: boolean, heldForFiling = false): Promise<Prepared> {
    const files = await draft.seal()
    const message = messageRow(draft.id, envelope, now(), heldForFiling)
    const recipients = envelope.recipients.map((recipient, position) => recipientRow(message, position, recipient, claimed ? owner : null))
    const { hide } = hidden
    const rows = [
      insertMessage({ ...message, sender: hide(message.sender) }),
      ...recipients.map(row => insertRecipient({ ...row, address: hide(row.address), orcpt: row.orcpt && hide(row.orcpt) })),
    ]
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

    /** Takes due recipients for this process. @param of.busy domains that have enough to do @param of.only the only domains to look at */
    async claimDue(most: number, of: { busy?: readonly string[]; only?: readonly string[] } = {}): Promise<Leg[]> {
      const due = sql
        .selectFrom('recipient')
        .select(['message_id', 'position'])
        .where('relay', '=', 'queued')
        .where('due_at', '<=', now())
        .$if((of.busy ?? []).length > 0, query => query.where('domain', 'not in', [...(of.busy ?? [])]))
        .$if(of.only !== undefined, query => query.where('domain', 'in', [...(of.only ?? [])]))
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
      return withMessages(db, claimed, hidden.show)
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
     * A receipt may be here before the attempt that it answers is settled: the column moves along its own table, or stays.
     * @returns false when the row is no longer ours (claim lost): then nothing is done, so no report is ever sent twice
     */
    async settle(leg: Leg, change: Partial<RecipientRow>, extra: readonly Statement[], report?: Prepared): Promise<boolean> {
      const { receipt, diagnostic } = change
      const ours = sql
        .updateTable('recipient')
        .set(({ ref, case: either }) => ({
          ...change,
          ...(diagnostic ? { diagnostic: maskPatientsIn(diagnostic) } : {}),
          ...(receipt ? { receipt: either().when('receipt', 'in', receiptBefore(receipt)).then(receipt).else(ref('receipt')).end() } : {}),
          claimed_by: null,
        }))
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

    /** @returns whether the message has reached a recipient, as far as receipts tell */
    async hasArrived(messageId: string): Promise<boolean> {
      const arrived = sql
        .selectFrom('recipient')
        .select('position')
        .where('message_id', '=', messageId)
        .where('receipt', 'in', ['delivered', 'displayed'])
        .limit(1)
      return (await db.run(arrived)).length > 0
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
      const rows = await db.run(
        sql
          .selectFrom('message')
          .innerJoin('recipient', 'recipient.message_id', 'message.id')
          .select(['message.id as messageId', 'envid', 'header_message_id', 'position', 'address', 'orcpt', 'notify', 'relay'])
          .where('message.sender', '=', hidden.hide(sender))
          .where(({ eb, or }) => or([eb('envid', 'in', [...by.envids]), eb('header_message_id', 'in', [...by.headerMessageIds])])),
      )
      return rows.map(row => shown(row, hidden.show))
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
