import { spawnSync } from 'node:child_process'
import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openDatabase, tables } from '../../../config/database/index.ts'
import { compiled } from '../../../config/paths.ts'

interface Tables {
  letter: { id: string; state: string }
}
const letters = tables<Tables>()
const migrations = [{ id: 'letter', up: ['CREATE TABLE letter (id TEXT PRIMARY KEY, state TEXT NOT NULL)'] }]
const file = () => join(mkdtempSync(join(tmpdir(), 'pli-db-')), 'pli.sqlite')

test('what was written is there after closing and opening again, and a migration runs once', async () => {
  const path = file()
  const first = await openDatabase({ file: path, migrations })
  await first.run(letters.insertInto('letter').values({ id: 'a', state: 'queued' }))
  await first.close()
  const again = await openDatabase({ file: path, migrations })
  expect(await again.run(letters.selectFrom('letter').selectAll())).toEqual([{ id: 'a', state: 'queued' }])
  await again.close()
})

test('nobody else on the machine reads it, whatever the folder allows', async () => {
  const path = file()
  const db = await openDatabase({ file: path, migrations })
  expect(['', '-wal', '-shm'].map(end => statSync(path + end).mode & 0o777)).toEqual([0o600, 0o600, 0o600])
  await db.close()
})

test('every opening syncs fully at each commit', async () => {
  const path = file()
  await (await openDatabase({ file: path, migrations })).close()
  const again = await openDatabase({ file: path, migrations })
  expect(await again.run({ sql: 'PRAGMA synchronous', parameters: [] })).toEqual([{ synchronous: 2 }])
  await again.close()
})

test('a batch is all or nothing, and its failure leaves its neighbours alone', async () => {
  const db = await openDatabase({ file: file(), migrations })
  const insert = (id: string) => letters.insertInto('letter').values({ id, state: 'queued' })
  const [good, bad, other] = await Promise.allSettled([
    db.atomically([insert('a'), insert('b')]),
    db.atomically([insert('c'), insert('a')]),
    db.run(insert('d')),
  ])
  expect([good.status, bad.status, other.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await db.run(letters.selectFrom('letter').select('id').orderBy('id'))).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'd' }])
  await db.close()
})

test('RETURNING gives the rows that a claim took', async () => {
  const db = await openDatabase({ file: file(), migrations })
  await db.run(letters.insertInto('letter').values({ id: 'a', state: 'queued' }))
  const claim = letters.updateTable('letter').set({ state: 'sending' }).where('state', '=', 'queued').returning('id')
  expect(await db.run(claim)).toEqual([{ id: 'a' }])
  expect(await db.run(claim)).toEqual([])
  await db.close()
})

test('what was answered survives kill -9 an instant later', () => {
  const path = file()
  const script = `
    const { openDatabase } = await import(${JSON.stringify(compiled('config/database/index'))})
    const db = await openDatabase(${JSON.stringify({ file: path, migrations })})
    await Promise.all(Array.from({ length: 50 }, (_, i) => db.run({ sql: 'INSERT INTO letter VALUES (?, ?)', parameters: [String(i), 'queued'] })))
    process.kill(process.pid, 'SIGKILL')`
  writeFileSync(`${path}.mjs`, script)
  const child = spawnSync(process.execPath, [`${path}.mjs`], { timeout: 20_000 })
  expect(child.signal).toBe('SIGKILL')
  expect(new Sqlite(path).prepare('SELECT count(*) AS n FROM letter').get()).toEqual({ n: 50 })
})

test('a closed database refuses instead of waiting for ever', async () => {
  const db = await openDatabase({ file: file(), migrations })
  await db.close()
  await expect(db.run(letters.selectFrom('letter').selectAll())).rejects.toThrow('closed')
})

test('a file that is no database is refused at opening', async () => {
  await expect(openDatabase({ file: '/', migrations })).rejects.toThrow()
})
