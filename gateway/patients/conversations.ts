import { type Database, type Migration, type Statement, tables } from '../../config/index.ts'

/** One mailbox that a patient may write to. No health data but the patient's address, as in the spool's `recipient`. */
export interface ConversationTable {
  /** with its key */
  patient: string
  /** who may be answered */
  box: string
  /** the box whose message allowed it: `box` itself, or the one that named `box` in Reply-To */
  opener: string
  /** the last message by which it did so */
  message_id: string
  written_at: number
  /** null as long as the patient may write */
  closed_at: number | null
}

const sql = tables<{ patient_conversation: ConversationTable }>()

export const patientMigrations: Migration[] = [
  {
    id: 'patients-1',
    up: [
      // The key answers the one question at RCPT: may this patient write to this box?
      `CREATE TABLE patient_conversation (
        patient TEXT NOT NULL, box TEXT NOT NULL, opener TEXT NOT NULL, message_id TEXT NOT NULL, written_at BIGINT NOT NULL,
        closed_at BIGINT, PRIMARY KEY (patient, box, opener))`,
    ],
  },
]

export interface Opening {
  patient: string
  opener: string
  /** `opener`, and the mailbox of Reply-To */
  boxes: readonly string[]
  messageId: string
  at: number
}

/** @returns the rows by which a professional lets a patient answer; a closed conversation is open again */
export function opened({ patient, opener, boxes, messageId, at }: Opening): Statement[] {
  return [...new Set(boxes)].map(box =>
    sql
      .insertInto('patient_conversation')
      .values({ patient, box, opener, message_id: messageId, written_at: at, closed_at: null })
      .onConflict(conflict =>
        conflict.columns(['patient', 'box', 'opener']).doUpdateSet({ message_id: messageId, written_at: at, closed_at: null }),
      ),
  )
}

/** What the box has opened ends, and what others opened towards it: its holder has said that he is not to be written to any more. */
export function closed(patient: string, box: string, at: number): Statement {
  return sql
    .updateTable('patient_conversation')
    .set({ closed_at: at })
    .where('patient', '=', patient)
    .where(({ eb, or }) => or([eb('opener', '=', box), eb('box', '=', box)]))
    .where('closed_at', 'is', null)
}

export async function isOpen(db: Database, patient: string, box: string): Promise<boolean> {
  const open = sql
    .selectFrom('patient_conversation')
    .select('opener')
    .where('patient', '=', patient)
    .where('box', '=', box)
    .where('closed_at', 'is', null)
    .limit(1)
  return (await db.run(open)).length > 0
}
