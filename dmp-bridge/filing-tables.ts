import type { Selectable } from 'kysely'
import { type Migration, tables } from '../config/database/index.ts'
import type { Feeding } from './opposition-message.ts'

/**
 * The states of a document's filing; each moves only along this table. `refused` is the DMP's word, `held` is ours.
 *   pending   to be filed at `next_attempt_at`          held     waits for a human, the bytes are kept
 *   filed     in the DMP, by us or before us            refused  the DMP said no, with its code, or the author gave it up
 *   deleting  a human wants it out of the DMP again     deleted  it is out: its id is never filed again by itself
 *   ignored   not a document to file (a copy, a double)
 */
export const MOVES = {
  none: ['pending', 'held', 'ignored'],
  pending: ['filed', 'held', 'refused'],
  held: ['pending', 'refused'],
  refused: ['pending'],
  filed: ['deleting'],
  deleting: ['deleted', 'filed'],
  deleted: [],
  ignored: [],
} as const satisfies Record<string, readonly FilingState[]>
export type FilingState = 'pending' | 'held' | 'filed' | 'refused' | 'ignored' | 'deleting' | 'deleted'

/** @returns the states from which `to` may be reached: the WHERE of every change of state */
export function before(to: FilingState): FilingState[] {
  return (Object.keys(MOVES) as (keyof typeof MOVES)[]).filter(
    from => from !== 'none' && (MOVES[from] as readonly FilingState[]).includes(to),
  ) as FilingState[]
}

/** The place of a filing that stands for the whole message: it could not be read into documents. Documents count from 1. */
export const WHOLE_MESSAGE = 0

/** One accepted message whose documents are to be looked for. No health data: the bytes stay sealed in the mail store. */
interface InboxTable {
  message_id: string
  /** JSON of Sender: address, idNatPs, structures, declared */
  sender: string
  /** the address of the box that sent it: its holder sees its filings, and nobody else's */
  box: string
  accepted_at: number
  /** unread → read → released (its bytes are no longer needed here) */
  state: 'unread' | 'read' | 'released'
  /** reads that ended without a result; a message that kills its reader is held after a few */
  faults: number
  next_attempt_at: number
  claimed_by: string | null
  claimed_until: number | null
}

/** One document of one message. Neither INS, name, title nor file name (a file name may be a patient's). */
interface FilingTable {
  id: string
  message_id: string
  /** its rank among the documents of the message, or WHOLE_MESSAGE */
  place: number
  sha256: string
  /** ClinicalDocument/id = XDS uniqueId: the key against doubles */
  unique_id: string | null
  state: FilingState
  /** JSON list of reason codes, of the present state */
  reasons: string
  /** JSON list of the reasons that a human has overruled */
  overruled: string
  /** the DMP's last code, or ours for a transport failure */
  code: string | null
  attempts: number
  /** claims that ended without a result (a crash or an unforeseen exception) */
  faults: number
  /** answers from which nothing could be told */
  doubts: number
  created_at: number
  /** start of the days during which an unreachable DMP is tried */
  due_at: number
  next_attempt_at: number
  claimed_by: string | null
  claimed_until: number | null
  settled_at: number | null
  /** 0 until the mail ledger has heard of the present state */
  told: number
  /** typeCode of the document (a LOINC code, or one of the tables): the only thing that is known here of what it says */
  type: string | null
  /** 1 when it goes in a submission of its own: a set that it was in was not taken */
  alone: number
  /** setId of the document, when it is a bare OID, and its number in that set (spec dmp §1.11) */
  set_id: string | null
  version: number | null
  /** Struct_IdNat as which it was deposited: only that structure may delete it */
  deposited_as: string | null
}

/** What a human asked of a filing, and who: ids and codes only. */
interface FilingOrderTable {
  filing_id: string
  ordered: FilingOrder
  /** `cli:<user>`, `console:<address>`, `link` */
  ordered_by: string
  ordered_at: number
}

/** The patient of a document that is being deleted, sealed under a key outside the database; gone when the order has ended. */
interface FilingDeletionTable {
  filing_id: string
  sealed_patient: string
}

/** What a human said of a file that has no identity, sealed under a key outside the database; gone when its document is filed or given up. */
interface FilingDescriptionTable {
  filing_id: string
  sealed: string
  described_at: number
  /** keyed hash of message and number: two patients of one message are told apart after the description is gone */
  patient: string
  /** SHA-256 of the document that was made of it at the first attempt: every later one must make the same */
  wrapped: string | null
}

export interface BridgeTables {
  filing_description: FilingDescriptionTable
  inbox: InboxTable
  filing: FilingTable
  filing_order: FilingOrderTable
  filing_deletion: FilingDeletionTable
  /** TD0.2 answers, by keyed hash of the INS (and of the traits that were compared): not one question per document */
  dmp_status: { patient: string; status: string; traits: string; asked_at: number }
  /** when the next submission of a structure may start: the DMP's limit holds over all processes */
  dmp_pace: { structure: string; next_at: number }
  /** what patients said of the feeding of their DMP, by keyed hash of the matricule */
  opposition: { patient: string; feeding: Feeding; said_at: number; recorded_at: number; recorded_by: string }
  /** tells under which keys the register was written */
  opposition_key: { key_check: string }
}
/** The orders that a human gives about one filing. */
export type FilingOrder = 'hold' | 'release' | 'retry' | 'refuse' | 'delete' | 'describe'

export type InboxRow = Selectable<InboxTable>
export type FilingRow = Selectable<FilingTable>

export const bridge = tables<BridgeTables>()

/** The states in which a filing waits for the worker. */
export const WAITING = ['pending', 'deleting'] as const satisfies readonly FilingState[]

export const bridgeMigrations: Migration[] = [
  {
    id: 'bridge-1-inbox-and-filing',
    up: [
      `CREATE TABLE inbox (
        message_id TEXT PRIMARY KEY, sender TEXT NOT NULL, accepted_at BIGINT NOT NULL, state TEXT NOT NULL,
        faults INTEGER NOT NULL, next_attempt_at BIGINT NOT NULL, claimed_by TEXT, claimed_until BIGINT)`,
      // the worker's search for messages to read
      `CREATE INDEX inbox_unread ON inbox (next_attempt_at) WHERE state = 'unread'`,
      // the sweep of messages whose documents are all settled; released ones leave the index
      `CREATE INDEX inbox_read ON inbox (message_id) WHERE state = 'read'`,
      `CREATE TABLE filing (
        id TEXT PRIMARY KEY, message_id TEXT NOT NULL, place INTEGER NOT NULL, sha256 TEXT NOT NULL, unique_id TEXT, state TEXT NOT NULL,
        reasons TEXT NOT NULL, overruled TEXT NOT NULL, code TEXT, attempts INTEGER NOT NULL, faults INTEGER NOT NULL,
        doubts INTEGER NOT NULL, created_at BIGINT NOT NULL, due_at BIGINT NOT NULL, next_attempt_at BIGINT NOT NULL,
        claimed_by TEXT, claimed_until BIGINT, settled_at BIGINT, told INTEGER NOT NULL)`,
      // two copies of one document are never filed side by side, whatever two workers do
      `CREATE UNIQUE INDEX filing_one_per_document ON filing (unique_id) WHERE state IN ('pending', 'filed')`,
      // a message that is read twice makes its rows once; also the search by message
      'CREATE UNIQUE INDEX filing_one_per_place ON filing (message_id, place)',
      // is this document known already?
      'CREATE INDEX filing_document ON filing (unique_id)',
      // the worker's search for due filings
      `CREATE INDEX filing_due ON filing (next_attempt_at) WHERE state = 'pending'`,
      // changes that the ledger hasn't heard of, after a crash
      'CREATE INDEX filing_untold ON filing (id) WHERE told = 0',
      // `pli dmp list`
      'CREATE INDEX filing_state ON filing (state, created_at)',
      'CREATE TABLE dmp_status (patient TEXT PRIMARY KEY, status TEXT NOT NULL, traits TEXT NOT NULL, asked_at BIGINT NOT NULL)',
      'CREATE TABLE dmp_pace (structure TEXT PRIMARY KEY, next_at BIGINT NOT NULL)',
    ],
  },
  {
    id: 'bridge-2-oppositions',
    up: [
      `CREATE TABLE opposition (
        patient TEXT PRIMARY KEY, feeding TEXT NOT NULL, said_at BIGINT NOT NULL, recorded_at BIGINT NOT NULL, recorded_by TEXT NOT NULL)`,
      'CREATE TABLE opposition_key (key_check TEXT PRIMARY KEY)',
    ],
  },
  {
    id: 'bridge-3-orders-sets-deletions',
    up: [
      'CREATE TABLE filing_order (filing_id TEXT NOT NULL, ordered TEXT NOT NULL, ordered_by TEXT NOT NULL, ordered_at BIGINT NOT NULL)',
      // the history of one filing
      'CREATE INDEX filing_order_of ON filing_order (filing_id, ordered_at)',
      'CREATE TABLE filing_deletion (filing_id TEXT PRIMARY KEY, sealed_patient TEXT NOT NULL)',
      'ALTER TABLE filing ADD COLUMN type TEXT',
      'ALTER TABLE filing ADD COLUMN alone INTEGER NOT NULL DEFAULT 0',
      // a document that is being deleted, or was, keeps its id: no copy may take its place
      'DROP INDEX filing_one_per_document',
      `CREATE UNIQUE INDEX filing_one_per_document ON filing (unique_id) WHERE state IN ('pending', 'filed', 'deleting', 'deleted')`,
      // the worker's search for what is to be deleted
      `CREATE INDEX filing_deleting ON filing (next_attempt_at) WHERE state = 'deleting'`,
    ],
  },
  {
    id: 'bridge-4-box',
    up: [
      `ALTER TABLE inbox ADD COLUMN box TEXT NOT NULL DEFAULT ''`,
      // what is known already: the JSON begins with the address, which ends where a quotation mark comes
      `UPDATE inbox SET box = substr(sender, 13, length(sender) - 12 - length(ltrim(substr(sender, 13), 'abcdefghijklmnopqrstuvwxyz0123456789._+-@')))
        WHERE sender LIKE '{"address":"%'`,
      // the filings of one box
      'CREATE INDEX inbox_box ON inbox (box, accepted_at)',
      // the list, newest first, whatever the state
      'CREATE INDEX filing_created ON filing (created_at)',
    ],
  },
  {
    id: 'bridge-5-versions',
    up: [
      'ALTER TABLE filing ADD COLUMN set_id TEXT',
      'ALTER TABLE filing ADD COLUMN version INTEGER',
      // which version of this set is in the DMP?
      `CREATE INDEX filing_set ON filing (set_id) WHERE set_id IS NOT NULL`,
    ],
  },
  {
    id: 'bridge-6-descriptions',
    up: [
      `CREATE TABLE filing_description (
        filing_id TEXT PRIMARY KEY, sealed TEXT NOT NULL, described_at BIGINT NOT NULL, wrapped TEXT)`,
      // was this file, or this image, sent before?
      'CREATE INDEX filing_bytes ON filing (sha256)',
    ],
  },
  {
    id: 'bridge-7-depositor',
    up: ['ALTER TABLE filing ADD COLUMN deposited_as TEXT'],
  },
  {
    id: 'bridge-9-described-patients',
    up: ["ALTER TABLE filing_description ADD COLUMN patient TEXT NOT NULL DEFAULT ''"],
  },
]

/** The columns of a claim, of a row that nobody has in hand. */
export const UNCLAIMED = { claimed_by: null, claimed_until: null }
