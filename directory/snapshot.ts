import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { SNAPSHOT_ID, SNAPSHOT_VERSION } from './snapshot-schema.ts'

/** TRE_R257-TypeBAL: of a person, of an organisation, of an application, of a practice. */
export type BalType = 'PER' | 'ORG' | 'APP' | 'CAB'

/** A box of the trust space, as the national extract publishes it. */
export interface Listing {
  address: string
  type: BalType
  idNatPs?: string
  rpps?: string
  idNatStruct?: string
  /** For people: title, first name and name, or service and structure. */
  name: string
  profession?: string
  department?: string
}

/** The national directory on this machine. */
export interface Directory {
  /** @param address in lower case. Answers at once (microseconds, no await). */
  find(address: string): Listing | undefined
  readonly importedAt: Date
  readonly count: number
  close(): void
}

export interface DirectoryOptions {
  /** milliseconds since epoch */
  now?: () => number
  /** Told once when the file was replaced by one that cannot be opened; the previous snapshot stays in use. */
  onFault?: (error: Error) => void
}

const LOOK_EVERY_MS = 1000

/**
 * Opens a snapshot made by importExtract, read only. When the file is replaced, the next question after at most a second is
 * answered from the new one.
 * @throws one sentence when there is no snapshot or it is not one of ours
 */
export function openDirectory(file: string, options: DirectoryOptions = {}): Directory {
  const now = options.now ?? Date.now
  let identity = identityOf(file)
  let snapshot = openSnapshot(file)
  let lookedAt = now()

  function current(): Snapshot {
    if (now() - lookedAt >= LOOK_EVERY_MS) {
      lookedAt = now()
      const seen = identityOf(file)
      if (seen !== undefined && seen !== identity) {
        identity = seen
        swap()
      }
    }
    return snapshot
  }

  function swap(): void {
    try {
      const next = openSnapshot(file)
      snapshot.close()
      snapshot = next
    } catch (error) {
      options.onFault?.(error as Error)
    }
  }

  return {
    find: address => current().find(address),
    get importedAt() {
      return current().importedAt
    },
    get count() {
      return current().count
    },
    close: () => snapshot.close(),
  }
}

interface Snapshot {
  find(address: string): Listing | undefined
  importedAt: Date
  count: number
  close(): void
}

function openSnapshot(file: string): Snapshot {
  const db = openReadOnly(file)
  const facts = db.prepare('SELECT imported_at, boxes FROM facts').get() as { imported_at: number; boxes: number }
  const find = db.prepare<[string], Row>(
    'SELECT address, type, rpps, id_nat_ps, id_nat_struct, name, profession, department FROM box WHERE address = ?',
  )
  return {
    find: address => listingOf(find.get(address)),
    importedAt: new Date(facts.imported_at),
    count: facts.boxes,
    close: () => db.close(),
  }
}

function openReadOnly(file: string): Database.Database {
  try {
    const db = new Database(file, { readonly: true, fileMustExist: true })
    // The file never changes in place: its read lock is taken once and kept, which saves two system calls a question.
    db.pragma('locking_mode = EXCLUSIVE')
    db.pragma('mmap_size = 1073741824')
    const ours = db.pragma('application_id', { simple: true }) === SNAPSHOT_ID
    if (ours && db.pragma('user_version', { simple: true }) === SNAPSHOT_VERSION) return db
    db.close()
  } catch (cause) {
    throw new Error(`The directory ${file} cannot be opened; import an extract`, { cause })
  }
  throw new Error(`The directory ${file} has another layout; import the extract again`)
}

interface Row {
  address: string
  type: BalType
  rpps: string
  id_nat_ps: string
  id_nat_struct: string
  name: string
  profession: string
  department: string
}

function listingOf(row: Row | undefined): Listing | undefined {
  if (!row) return undefined
  const listing: Listing = { address: row.address, type: row.type, name: row.name }
  if (row.id_nat_ps !== '') listing.idNatPs = row.id_nat_ps
  if (row.rpps !== '') listing.rpps = row.rpps
  if (row.id_nat_struct !== '') listing.idNatStruct = row.id_nat_struct
  if (row.profession !== '') listing.profession = row.profession
  if (row.department !== '') listing.department = row.department
  return listing
}

function identityOf(file: string): string | undefined {
  const facts = statSync(file, { bigint: true, throwIfNoEntry: false })
  return facts && `${facts.dev}:${facts.ino}:${facts.mtimeNs}`
}
