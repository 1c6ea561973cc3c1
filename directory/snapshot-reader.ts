import Database from 'better-sqlite3'
import { Fault } from '../config/index.ts'
import { openNearest } from './nearest.ts'
import { openSearch } from './search.ts'
import type { Directory } from './snapshot.ts'
import { openBoxReader } from './snapshot-row.ts'
import { SNAPSHOT_ID, SNAPSHOT_VERSION } from './snapshot-schema.ts'

/** A snapshot that can't be used; the message is a sentence for the operator. */
export class SnapshotFault extends Fault<'unreadable' | 'layout'> {
  override readonly name = 'SnapshotFault'
}

interface Facts {
  imported_at: number
  generated_at: number | null
  boxes: number
}

/**
 * Opens one snapshot file, read only, for as long as it is in use.
 * @throws SnapshotFault when it cannot be opened or has another layout
 */
export function openSnapshot(file: string): Directory {
  const db = openReadOnly(file)
  const facts = db.prepare('SELECT imported_at, generated_at, boxes FROM facts').get() as Facts
  const reader = openBoxReader(db)
  return {
    ...reader,
    search: openSearch(db, reader),
    nearest: openNearest(db, reader),
    importedAt: new Date(facts.imported_at),
    generatedAt: facts.generated_at === null ? undefined : new Date(facts.generated_at),
    count: facts.boxes,
    version: `${new Date(facts.generated_at ?? facts.imported_at).toISOString().slice(0, 16)}Z`,
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
    throw new SnapshotFault('unreadable', `The directory ${file} cannot be opened; import an extract`, { cause })
  }
  throw new SnapshotFault('layout', `The directory ${file} has another layout; import the extract again`)
}
