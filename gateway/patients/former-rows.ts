import { type Compilable, type Database, type Migration, tables } from '../../config/index.ts'
import { maskPatientsIn } from '../address.ts'
import type { EventRow, MessageRow, RecipientRow, SpoolTables } from '../spool/index.ts'
import type { ConversationTable } from './conversations.ts'
import type { Hidden } from './hidden.ts'

type Part = 'conversations' | 'senders' | 'recipients' | 'events'

interface FormerTables extends Pick<SpoolTables, 'message' | 'recipient' | 'event'> {
  patient_conversation: ConversationTable
  patient_former_rows: { part: Part }
}

const build = tables<FormerTables>()
const BATCH = 200
/** as {@link Hidden} writes them */
const SEALED = '~%'

type Hider = Pick<Hidden, 'hide'>

export const formerRowsMigrations: Migration[] = [
  {
    id: 'patients-2-former-rows',
    up: [
      // Where rows may still hold a patient's address in clear: what is done leaves the table.
      'CREATE TABLE patient_former_rows (part TEXT NOT NULL PRIMARY KEY)',
      "INSERT INTO patient_former_rows VALUES ('conversations'), ('senders'), ('recipients'), ('events')",
    ],
  },
]

/** Rows in clear behind the last one that was seen, and what becomes of each. */
interface Work<Row> {
  read(last: Row | undefined): Compilable<Row>
  change(row: Row): Compilable[]
}

function conversations(clear: string, { hide }: Hider): Work<ConversationTable> {
  const all = build.selectFrom('patient_conversation').selectAll().where('patient', 'like', clear).where('patient', 'not like', SEALED)
  const behind = ({ patient, box, opener }: ConversationTable) =>
    all.where(({ eb, refTuple, tuple }) => eb(refTuple('patient', 'box', 'opener'), '>', tuple(patient, box, opener)))
  return {
    read: last => (last ? behind(last) : all).orderBy('patient').orderBy('box').orderBy('opener').limit(BATCH),
    change: row => [
      build
        .insertInto('patient_conversation')
        .values({ ...row, patient: hide(row.patient) })
        // One that was begun, or ended, since under the sealed address is the newer one.
        .onConflict(conflict => conflict.columns(['patient', 'box', 'opener']).doNothing()),
      build
        .deleteFrom('patient_conversation')
        .where('patient', '=', row.patient)
        .where('box', '=', row.box)
        .where('opener', '=', row.opener),
    ],
  }
}

function senders(clear: string, { hide }: Hider): Work<Pick<MessageRow, 'id' | 'sender'>> {
  const all = build.selectFrom('message').select(['id', 'sender']).where('sender', 'like', clear).where('sender', 'not like', SEALED)
  return {
    read: last => (last ? all.where('id', '>', last.id) : all).orderBy('id').limit(BATCH),
    change: ({ id, sender }) => [
      build
        .updateTable('message')
        .set({ sender: hide(sender) })
        .where('id', '=', id)
        .where('sender', '=', sender),
    ],
  }
}

type RecipientWords = Pick<RecipientRow, 'message_id' | 'position' | 'address' | 'orcpt' | 'diagnostic'>

function recipients(clear: string, { hide }: Hider): Work<RecipientWords> {
  const all = build
    .selectFrom('recipient')
    .select(['message_id', 'position', 'address', 'orcpt', 'diagnostic'])
    .where('address', 'not like', SEALED)
    .where(({ eb, or }) => or([eb('address', 'like', clear), eb('orcpt', 'like', clear), eb('diagnostic', 'like', `${clear}%`)]))
  const behind = ({ message_id, position }: RecipientWords) =>
    all.where(({ eb, refTuple, tuple }) => eb(refTuple('message_id', 'position'), '>', tuple(message_id, position)))
  return {
    read: last => (last ? behind(last) : all).orderBy('message_id').orderBy('position').limit(BATCH),
    change: ({ message_id, position, address, orcpt, diagnostic }) => [
      build
        .updateTable('recipient')
        .set({ address: hide(address), orcpt: orcpt && hide(orcpt), diagnostic: diagnostic && maskPatientsIn(diagnostic) })
        .where('message_id', '=', message_id)
        .where('position', '=', position)
        .where('address', '=', address),
    ],
  }
}

type EventWords = Pick<EventRow, 'message_id' | 'seq' | 'detail'>

function events(clear: string): Work<EventWords> {
  const all = build.selectFrom('event').select(['message_id', 'seq', 'detail']).where('detail', 'like', `${clear}%`)
  const behind = ({ message_id, seq }: EventWords) =>
    all.where(({ eb, refTuple, tuple }) => eb(refTuple('message_id', 'seq'), '>', tuple(message_id, seq)))
  return {
    read: last => (last ? behind(last) : all).orderBy('message_id').orderBy('seq').limit(BATCH),
    change: ({ message_id, seq, detail }) => [
      build
        .updateTable('event')
        .set({ detail: maskPatientsIn(detail) })
        .where('message_id', '=', message_id)
        .where('seq', '=', seq)
        .where('detail', '=', detail),
    ],
  }
}

/**
 * Seals the addresses of patients in rows of before they were sealed, which would otherwise stay readable and be found no more. Once for a
 * database, batch by batch, before the doors open; each row moves from what it was only, so neither a crash nor another process does harm.
 * @returns how many rows were looked at
 */
export async function sealFormerRows(db: Database, hider: Hider, domain: string): Promise<number> {
  const clear = `%@${domain}`
  const works: Record<Part, () => Promise<number>> = {
    conversations: () => inBatches(db, conversations(clear, hider)),
    senders: () => inBatches(db, senders(clear, hider)),
    recipients: () => inBatches(db, recipients(clear, hider)),
    events: () => inBatches(db, events(clear)),
  }
  let count = 0
  for (const { part } of await db.run(build.selectFrom('patient_former_rows').selectAll())) {
    count += await works[part]()
    await db.run(build.deleteFrom('patient_former_rows').where('part', '=', part))
  }
  return count
}

async function inBatches<Row>(db: Database, { read, change }: Work<Row>): Promise<number> {
  let count = 0
  let rows = await db.run(read(undefined))
  while (rows.length > 0) {
    await db.atomically(rows.flatMap(change))
    count += rows.length
    rows = await db.run(read(rows.at(-1)))
  }
  return count
}
