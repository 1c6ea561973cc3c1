import { closeSync, existsSync, openSync, writeSync } from 'node:fs'
import type Database from 'better-sqlite3'
import type { ExtractRow } from './extract-line.ts'
import { ImportFault } from './import-fault.ts'
import { BOX_COLUMNS, SNAPSHOT_ID } from './snapshot-schema.ts'

/** What is new against the snapshot in place, in boxes. */
export interface Changes {
  /** Addresses that the previous snapshot did not have; all of them when there was none. */
  added: number
  /** Addresses that only the previous snapshot had. */
  removed: number
  /** Addresses of both of which something else is said now. */
  changed: number
  /** How many of them changed in what. */
  changedFields: Partial<Record<Field, number>>
}

type Field = keyof ExtractRow

/** Names are compared as they are shown. */
const FIELDS = (Object.keys(BOX_COLUMNS) as Field[]).filter(field => !['address', 'lastName', 'firstName'].includes(field))

/**
 * Compares the snapshot under construction with the one in place, as sets. An extract that lost half of its boxes is a cut one, not news.
 * @param count boxes of the new one
 * @param list new file to write which boxes they are, one a line (TSV, readable by its owner only)
 * @throws ImportFault shrunk, unreadable
 */
export function compare(db: Database.Database, target: string, count: number, list?: string): Changes {
  if (!existsSync(target)) {
    if (list) writeList(db, list, { hasPrevious: false, fields: [] })
    return { added: count, removed: 0, changed: 0, changedFields: {} }
  }
  const before = attachPrevious(db, target)
  if (count * 2 < before) throw new ImportFault('shrunk', `The extract has ${count} boxes, the snapshot in use has ${before}`)
  const fields = comparable(db)
  const { kept, changed, ...perField } = db.prepare(tally(fields)).get() as Record<string, number>
  if (list) writeList(db, list, { hasPrevious: true, fields })
  return {
    added: count - kept!,
    removed: before - kept!,
    changed: changed!,
    changedFields: Object.fromEntries(Object.entries(perField).filter(([, number]) => number > 0)),
  }
}

function attachPrevious(db: Database.Database, target: string): number {
  try {
    db.prepare('ATTACH ? AS previous').run(target)
    if (db.pragma('previous.application_id', { simple: true }) !== SNAPSHOT_ID) throw new Error('Not a snapshot of ours')
    return db.prepare('SELECT count(*) FROM previous.box').pluck().get() as number
  } catch (cause) {
    throw new ImportFault('unreadable', `${target} is not a snapshot that can be compared; move it away to import without comparing`, {
      cause,
    })
  }
}

/** A snapshot of an earlier layout is compared as far as it goes. */
function comparable(db: Database.Database): Field[] {
  const columns = new Set(db.prepare("SELECT name FROM pragma_table_info('box', 'previous')").pluck().all())
  return FIELDS.filter(field => columns.has(BOX_COLUMNS[field]))
}

const differs = (field: Field) => `box.${BOX_COLUMNS[field]} <> old.${BOX_COLUMNS[field]}`
const anyDiffers = (fields: readonly Field[]) => `(${fields.map(differs).join(' OR ')})`
const BOTH = 'box JOIN previous.box AS old ON old.address = box.address'

function tally(fields: readonly Field[]): string {
  const perField = fields.map(field => `coalesce(sum(${differs(field)}), 0) AS ${field}`)
  return `SELECT count(*) AS kept, coalesce(sum(${anyDiffers(fields)}), 0) AS changed, ${perField.join(', ')} FROM ${BOTH}`
}

function writeList(db: Database.Database, list: string, { hasPrevious, fields }: { hasPrevious: boolean; fields: readonly Field[] }): void {
  const names = fields.map(field => `CASE WHEN ${differs(field)} THEN '${field},' ELSE '' END`).join(' || ')
  const absent = (schema: string) => `address NOT IN (SELECT address FROM ${schema}.box)`
  const lines = hasPrevious
    ? `SELECT 'added' AS change, address, '' AS what FROM box WHERE ${absent('previous')}
       UNION ALL SELECT 'removed', address, '' FROM previous.box WHERE ${absent('main')}
       UNION ALL SELECT 'changed', box.address, rtrim(${names}, ',') FROM ${BOTH} WHERE ${anyDiffers(fields)}`
    : "SELECT 'added' AS change, address, '' AS what FROM box"
  const file = openSync(list, 'wx', 0o600)
  try {
    let batch = 'change\taddress\tfields\n'
    for (const row of db.prepare(lines).raw().iterate()) {
      batch += `${(row as string[]).join('\t')}\n`
      if (batch.length > BATCH) batch = written(file, batch)
    }
    written(file, batch)
  } finally {
    closeSync(file)
  }
}

const BATCH = 1 << 16

function written(file: number, batch: string): '' {
  writeSync(file, batch)
  return ''
}
