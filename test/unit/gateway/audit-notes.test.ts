import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/index.ts'
import { type Audit, type AuditEntry, auditMigrations, openAudit } from '../../../crypto/index.ts'
import { type AuditNotes, COUNT_WINDOW_MS, MOST_COUNTED, openAuditNotes } from '../../../gateway/audit-notes.ts'

let folder: string
let db: Database
let audit: Audit
let notes: AuditNotes
let now: number
let faults: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-notes-'))
  db = await openDatabase({ file: join(folder, 'pli.db'), migrations: auditMigrations })
  now = Date.parse('2026-11-20T08:00:00Z')
  faults = []
  audit = openAudit(db, { now: () => now })
  notes = openAuditNotes({ now: () => now, log: { error: (event, _, error) => void faults.push(`${event}: ${(error as Error).message}`) } })
})

afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const entry = (object: string, result?: 'refused'): AuditEntry => ({ by: 'gateway', action: 'x', object, ...(result && { result }) })
const stranger = (by: string): AuditEntry => ({ by, action: 'api.token', object: '', result: 'refused', detail: { why: 'unknown' } })

async function written(): Promise<string[]> {
  await notes.flush()
  return (await audit.list()).map(({ by, object, result, detail }) =>
    [by, object, result, detail.count].filter(word => word !== undefined && word !== '').join(' '),
  )
}

test('what happens before there is a database is written when there is one, in its order', async () => {
  notes.note(entry('a'))
  notes.note(entry('b', 'refused'))
  await notes.flush()
  notes.begin(audit)
  notes.note(entry('c'))
  expect(await written()).toEqual(['gateway a done', 'gateway b refused', 'gateway c done'])
})

test.each<[string, (notes: AuditNotes) => void, string[]]>([
  [
    'the same again is no news',
    ({ note }) => {
      for (const result of ['refused', 'refused', undefined, undefined] as const) note(entry('a', result))
    },
    ['gateway a refused', 'gateway a done'],
  ],
  [
    'the end of a fault is, when there was one',
    ({ note, over }) => {
      over(entry('a'))
      note(entry('a', 'refused'))
      over(entry('b'))
      over(entry('a'))
      over(entry('a'))
    },
    ['gateway a refused', 'gateway a done'],
  ],
])('%s', async (_, work, expected) => {
  notes.begin(audit)
  work(notes)
  expect(await written()).toEqual(expected)
})

describe('what strangers do', () => {
  beforeEach(() => notes.begin(audit))

  test('is written at once, then once in a window with how many there were', async () => {
    for (let times = 0; times < 1_000; times++) notes.count(stranger('network:192.0.2.1'))
    notes.count(stranger('network:192.0.2.2'))
    expect(await written()).toEqual(['network:192.0.2.1 refused 1', 'network:192.0.2.2 refused 1'])
    now += COUNT_WINDOW_MS
    expect((await written()).slice(2)).toEqual(['network:192.0.2.1 refused 999'])
    notes.count(stranger('network:192.0.2.1'))
    notes.count(stranger('network:192.0.2.2'))
    now += COUNT_WINDOW_MS
    expect((await written()).slice(3)).toEqual(['network:192.0.2.2 refused 1', 'network:192.0.2.1 refused 1'])
    now += COUNT_WINDOW_MS
    expect(await written()).toHaveLength(5)
  })

  test('takes so many lines at most, from however many networks', async () => {
    for (let network = 0; network < 5_000; network++) notes.count(stranger(`network:2001:db8:0:${network.toString(16)}::/64`))
    expect(await written()).toHaveLength(MOST_COUNTED + 1)
    now += COUNT_WINDOW_MS
    expect((await written()).at(-1)).toBe(`network:others refused ${5_000 - MOST_COUNTED - 1}`)
  })

  test('cannot hide which token of ours somebody else came with', async () => {
    for (let network = 0; network < 2 * MOST_COUNTED; network++) notes.count(stranger(`network:192.0.2.${network}`))
    for (const object of ['backup', 'backup', 'console']) {
      notes.count({ ...stranger('network:198.51.100.1'), object, detail: { why: 'revoked' } })
    }
    expect((await written()).slice(MOST_COUNTED + 1)).toEqual(['network:others backup refused 1', 'network:others console refused 1'])
  })

  test('is written with its count when we stop, though its window goes on', async () => {
    for (let times = 0; times < 1_000; times++) notes.count(stranger('network:192.0.2.1'))
    await notes.end()
    const all = ['network:192.0.2.1 refused 1', 'network:192.0.2.1 refused 999']
    expect(await written()).toEqual(all)
    await notes.end()
    expect(await written()).toEqual(all)
  })
})

test('what is to be written each time it happens is', async () => {
  notes.begin(audit)
  for (const object of ['a', 'a']) notes.write(entry(object))
  expect(await written()).toEqual(['gateway a done', 'gateway a done'])
})

test('what cannot be written is told once, and written later', async () => {
  notes.begin(audit)
  await db.run({ sql: 'ALTER TABLE audit RENAME TO away', parameters: [] })
  notes.note(entry('a'))
  notes.note(entry('b'))
  await notes.flush()
  expect(faults).toEqual(['audit-fault: no such table: audit'])
  await db.run({ sql: 'ALTER TABLE away RENAME TO audit', parameters: [] })
  expect(await written()).toEqual(['gateway a done', 'gateway b done'])
})
