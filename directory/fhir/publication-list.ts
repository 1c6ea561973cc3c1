import type { Database } from '../../config/index.ts'
import type { Known } from './publication-plan.ts'
import { type OperationKind, openPublications, type PublicationRow } from './publication-rows.ts'

/** What the national directory knows of a box of ours, for the operator. */
export interface Publication {
  address: string
  /** `absent`: not there, and should not be. `refused`: somebody must mend something; it is not tried again by itself. */
  state: 'waiting' | 'retrying' | 'published' | 'absent' | 'refused'
  /** The last one, or the one that is tried. */
  operation?: OperationKind
  /** Since the last success or change. */
  attempts: number
  /** Milliseconds since epoch: the next attempt. */
  dueAt?: number
  /** A code, and what the service wrote. */
  fault?: string
  text?: string
  /** Of the last outcome. */
  at?: number
  /** `Practitioner/334081`: who carries it. */
  carrier?: string
}

/** @returns every box that was ever to be published, in order of address */
export async function listPublications(db: Database): Promise<Publication[]> {
  const rows = await openPublications(db, { now: () => 0, leaseMs: 0 }).all()
  return rows.map(publicationOf)
}

/** Makes a box due at once, whatever was said of it. @throws one sentence when it was never a box of ours */
export async function retryPublication(db: Database, address: string, now: () => number): Promise<void> {
  const isKnown = await openPublications(db, { now, leaseMs: 0 }).retry(address)
  if (!isKnown) throw new Error(`${address} is not in the list of publications`)
}

function publicationOf(row: PublicationRow): Publication {
  const publication: Publication = { address: row.address, state: stateOf(row), attempts: row.attempts }
  const published = row.published === null ? undefined : (JSON.parse(row.published) as Known)
  if (row.operation !== null) publication.operation = row.operation
  if (row.settled < row.asked) publication.dueAt = Math.max(Number(row.due_at), Number(row.claimed_until))
  if (row.fault !== null) publication.fault = row.fault
  if (row.fault_text !== null) publication.text = row.fault_text
  if (row.at !== null) publication.at = Number(row.at)
  if (published) publication.carrier = `${published.carrier}/${published.id}`
  return publication
}

function stateOf({ asked, settled, fault, published }: PublicationRow): Publication['state'] {
  if (settled < asked) return fault === null ? 'waiting' : 'retrying'
  if (fault !== null) return 'refused'
  return published === null ? 'absent' : 'published'
}
