import { type Database, type Migration, required, type Statement, tables } from '../../config/index.ts'
import type { Known } from './publication-plan.ts'

export const publicationMigrations: Migration[] = [
  {
    id: 'directory-fhir-1-publication',
    up: [
      // One row for a box, not one for each change: what counts is how the box is now, and what was last made known of it.
      `CREATE TABLE fhir_publication (
        address TEXT NOT NULL PRIMARY KEY,
        asked INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        due_at BIGINT NOT NULL,
        claim TEXT,
        claimed_until BIGINT NOT NULL,
        in_doubt INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        operation TEXT,
        fault TEXT,
        fault_text TEXT,
        at BIGINT,
        wanted TEXT,
        published TEXT
      )`,
      // What is due?
      'CREATE INDEX fhir_publication_due ON fhir_publication (due_at)',
    ],
  },
]

export type OperationKind = 'insert' | 'replace' | 'delete'

export interface PublicationRow {
  address: string
  /** Counts the changes of the box; `settled` is the count that was last brought to an end, be it a refusal. */
  asked: number
  settled: number
  due_at: number
  claim: string | null
  claimed_until: number
  /** 1 while nobody knows whether the last attempt was applied: the next one looks first. */
  in_doubt: number
  attempts: number
  operation: OperationKind | null
  fault: string | null
  /** In the service's words; for the operator. */
  fault_text: string | null
  /** Of the last outcome. */
  at: number | null
  /** What the last settled attempt was about, JSON: a box that differs from it is due again. */
  wanted: string | null
  /** What the annuaire last acknowledged, JSON `Known`. */
  published: string | null
}

const build = tables<{ fhir_publication: PublicationRow }>()

/** A box of ours was created or has changed in any way. */
export interface PublishableChange {
  address: string
  /** Milliseconds since epoch. */
  at: number
}

/** @returns the rows that make the change due for publication; they join the transaction that makes the change */
export function publicationRows({ address, at }: PublishableChange): Statement[] {
  const fresh = { asked: 1, settled: 0, due_at: at, claim: null, claimed_until: 0, in_doubt: 0, attempts: 0 }
  const nothing = { operation: null, fault: null, fault_text: null, at: null, wanted: null, published: null }
  const insert = build.insertInto('fhir_publication').values({ address, ...fresh, ...nothing })
  return [
    insert.onConflict(conflict =>
      conflict.column('address').doUpdateSet(row => ({ asked: row('fhir_publication.asked', '+', 1), due_at: at, attempts: 0 })),
    ),
  ]
}

/** How an attempt ended. */
export interface Outcome {
  /** Nothing more to do for what was asked when the attempt began. */
  isSettled: boolean
  inDoubt: boolean
  dueAt?: number
  operation?: OperationKind | undefined
  fault?: string | undefined
  text?: string | undefined
  /** null: not in the annuaire. */
  published: Known | null
  wanted: string
}

/** A row as it was before the claim, and the name of the claim. */
export type Claimed = PublicationRow & { claim: string }

/** The retry list, as rows: whoever claims one works on it alone until the claim ends, crash or not. */
export function openPublications(db: Database, { now, leaseMs }: { now: () => number; leaseMs: number }) {
  const table = () => build.selectFrom('fhir_publication').selectAll()
  const waiting = () => table().whereRef('settled', '<', 'asked')

  return {
    /** @returns the next row that is due, as it was before this claim */
    async claim(): Promise<Claimed | undefined> {
      const due = waiting().where('due_at', '<=', now()).where('claimed_until', '<=', now())
      for (const row of await db.run(due.orderBy('due_at').orderBy('address').limit(5))) {
        const claim = crypto.randomUUID()
        const taken = build
          .updateTable('fhir_publication')
          .set({ claim, claimed_until: now() + leaseMs, in_doubt: 1, attempts: row.attempts + 1 })
        const mine = await db.run(
          taken
            .where('address', '=', row.address)
            .where('asked', '=', row.asked)
            .where('claimed_until', '=', row.claimed_until)
            .returning('address'),
        )
        if (mine.length > 0) return { ...row, claim }
      }
      return undefined
    },

    /** Writes an outcome down, unless the claim was lost meanwhile. */
    async end(row: Claimed, outcome: Outcome): Promise<void> {
      const { isSettled, inDoubt, dueAt, operation, fault, text, published, wanted } = outcome
      const set = {
        claim: null,
        claimed_until: 0,
        in_doubt: inDoubt ? 1 : 0,
        at: now(),
        fault: fault ?? null,
        fault_text: text ?? null,
        published: published && JSON.stringify({ ...published, telecom: undefined }), // how it stands is asked when it is needed
        ...(operation ? { operation } : {}),
        ...(isSettled ? { settled: row.asked, attempts: 0, wanted } : {}),
        ...(dueAt === undefined ? {} : { due_at: dueAt }),
      }
      await db.run(build.updateTable('fhir_publication').set(set).where('address', '=', row.address).where('claim', '=', row.claim))
    },

    all: () => db.run(table().orderBy('address')),

    /** Asks for these boxes to be looked at; those that are waiting already keep their turn. */
    async ask(addresses: readonly string[]): Promise<void> {
      for (let from = 0; from < addresses.length; from += 200) {
        await db.atomically(addresses.slice(from, from + 200).flatMap(address => publicationRows({ address, at: now() })))
      }
    },

    /** The operator wants it tried again now. @returns false when there is no such row */
    async retry(address: string): Promise<boolean> {
      const known = required(build.selectFrom('fhir_publication').select('address').where('address', '=', address))
      return db.atomically([known, ...publicationRows({ address, at: now() })]).then(
        () => true,
        () => false,
      )
    },
  }
}
