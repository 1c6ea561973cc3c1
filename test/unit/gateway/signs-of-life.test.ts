import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/database/index.ts'
import { type BoxUses, boxUseMigrations, openBoxUses } from '../../../directory/index.ts'
import { openSignsOfLife } from '../../../gateway/signs-of-life.ts'
import { spoolMigrations, spool as sql } from '../../../gateway/spool/index.ts'

const AT = Date.parse('2026-03-02T05:00:00Z')
const BOX = 'camille.fictif@beta.mssante.example'
const PATIENT = 'inconnu@patient.mssante.example'

let folder: string
let db: Database
let uses: BoxUses
let observe: () => Promise<void>
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-signs-'))
  db = await openDatabase({ file: join(folder, 'pli.db'), migrations: [...spoolMigrations, ...boxUseMigrations] })
  uses = openBoxUses(db, { now: () => AT })
  observe = openSignsOfLife({ db, uses, isPatient: domain => domain === 'patient.mssante.example' })
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

async function letter(id: string, address: string): Promise<void> {
  const message = { id, origin: 'submission', sender: 'a@alpha.mssante.example', envid: id, eight_bit: 0, utf8: 0, size: 1 } as const
  await db.atomically([
    sql.insertInto('message').values({ ...message, sha256: '', accepted_at: AT, held_for_filing: 0 } as never),
    sql.insertInto('recipient').values({
      message_id: id,
      position: 0,
      address,
      domain: address.split('@')[1],
      relay: 'sent',
      receipt: 'awaited',
      attempts: 0,
      due_at: AT,
    } as never),
  ])
}

const line = (id: string, kind: string, at: number, detail: object = {}) =>
  db.run(sql.insertInto('event').values({ message_id: id, position: 0, at, seq: at * 1000, kind, detail: JSON.stringify(detail) }))

const use = async (address: string) => (await uses.of([address])).get(address)

test('what the ledger says of a recipient becomes its last signs', async () => {
  await letter('m1', BOX)
  await line('m1', 'delivered', AT + 1)
  await line('m1', 'displayed', AT + 2)
  await line('m1', 'failed', AT + 3, { status: '5.2.1' })
  await observe()
  expect(await use(BOX)).toMatchObject({ receivedAt: AT + 1, acknowledgedAt: AT + 2, refusedAt: AT + 3 })
})

test('a way that fails is not the fault of the box', async () => {
  await letter('m1', BOX)
  await line('m1', 'failed', AT + 3, { status: '5.4.7' })
  await observe()
  expect(await use(BOX)).toBeUndefined()
})

test('nothing is kept of patients', async () => {
  await letter('m1', PATIENT)
  await line('m1', 'delivered', AT + 1)
  await observe()
  expect(await use(PATIENT)).toBeUndefined()
})

test('each turn goes on where the last one ended, and a line that comes a little late is seen', async () => {
  await letter('m1', BOX)
  for (let count = 1; count <= 501; count += 1) await line('m1', 'delivered', AT + count)
  await observe()
  expect(await use(BOX)).toMatchObject({ receivedAt: AT + 501 })
  await line('m1', 'displayed', AT + 400)
  await observe()
  expect(await use(BOX)).toMatchObject({ receivedAt: AT + 501, acknowledgedAt: AT + 400 })
})

test('the questions of the sweeps are answered from their own indexes', async () => {
  const plan = async (text: string) =>
    (await db.run<{ detail: string }>({ sql: `EXPLAIN QUERY PLAN ${text}`, parameters: [] })).map(row => row.detail).join()
  expect(await plan("SELECT seq FROM event WHERE event.kind IN ('delivered', 'displayed', 'failed') AND seq > 1 ORDER BY seq")).toContain(
    'event_sign',
  )
  expect(await plan('SELECT id FROM message WHERE bytes_removed_at IS NULL')).toContain('message_with_bytes')
})
