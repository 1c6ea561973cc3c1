import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../config/index.ts'
import { type Audit, auditMigrations, openAudit } from '../../../crypto/index.ts'

const NOW = Date.parse('2026-11-20T08:00:00Z')

let folder: string
let db: Database
let audit: Audit
let now: number

const open = () => openDatabase({ file: join(folder, 'pli.db'), migrations: auditMigrations })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-audit-'))
  now = NOW
  db = await open()
  audit = openAudit(db, { now: () => now })
})

afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

const tamper = (sql: string, ...parameters: unknown[]) => db.run({ sql, parameters })

/** Lines 1 to `count`, a second apart. */
async function write(count: number): Promise<void> {
  for (let line = 1; line <= count; line++) {
    await audit.append({
      by: `token:${line}`,
      action: 'box.change',
      object: `box${line}@alpha.mssante.example`,
      detail: { quota: `${line}` },
    })
    now += 1_000
  }
}

interface Row {
  line: number
  at: number
  by: string
  action: string
  object: string
  result: string
  detail: string
  hash: string
}

/** The documented form of a line, written a second time: a forger knows it too. */
async function forgeHash(line: number): Promise<void> {
  const [before, row] = (await db.run({ sql: 'SELECT * FROM audit WHERE line >= ? ORDER BY line LIMIT 2', parameters: [line - 1] })) as [
    Row,
    Row,
  ]
  const content = JSON.stringify([row.at, row.by, row.action, row.object, row.result, row.detail])
  const hash = createHash('sha256').update(`${row.line} ${before.hash} ${content}`).digest('hex')
  await tamper('UPDATE audit SET hash = ? WHERE line = ?', hash, line)
}

test('an empty log is whole', async () => {
  const genesis = { line: 0, hash: '0'.repeat(64) }
  expect(await audit.verify()).toEqual({ lines: 0, from: genesis, head: genesis, notes: [] })
  expect(await audit.list()).toEqual([])
})

test('lines say who, when, what, upon what and how it ended, in order', async () => {
  await audit.append({ by: 'cli:maud', action: 'box.close', object: 'a@alpha.mssante.example' })
  now += 5
  await audit.append({ by: 'token:x', action: 'api.showBox', object: '', result: 'refused', detail: { status: '404', also: 'é' } })
  const lines = await audit.list()
  expect(lines).toEqual([
    {
      line: 1,
      at: NOW,
      by: 'cli:maud',
      action: 'box.close',
      object: 'a@alpha.mssante.example',
      result: 'done',
      detail: {},
      hash: expect.any(String),
    },
    {
      ...{ line: 2, at: NOW + 5, by: 'token:x', action: 'api.showBox', object: '', result: 'refused' },
      detail: { status: '404', also: 'é' },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ])
  expect(await audit.verify()).toMatchObject({ lines: 2, head: { line: 2, hash: lines[1]?.hash } })
  expect(await audit.head()).toEqual({ line: 2, hash: lines[1]?.hash })
})

test('lines are listed by what they are about, by whom, and onwards from one', async () => {
  await write(4)
  const numbers = async (asked: Parameters<Audit['list']>[0]) => (await audit.list(asked)).map(({ line }) => line)
  expect(await numbers({ limit: 2 })).toEqual([3, 4])
  expect(await numbers({ after: 1, limit: 2 })).toEqual([2, 3])
  expect(await numbers({ object: 'box3@alpha.mssante.example' })).toEqual([3])
  expect(await numbers({ by: 'token:2', after: 0 })).toEqual([2])
})

test('a line is written with the change that it is about, or not at all', async () => {
  await tamper('CREATE TABLE thing (id TEXT PRIMARY KEY)')
  const change = () =>
    db.atomically([{ sql: "INSERT INTO thing VALUES ('a')", parameters: [] }, audit.line({ by: 'x', action: 'make', object: 'a' })])
  await change()
  await expect(change()).rejects.toThrow('UNIQUE')
  await expect(
    db.atomically([audit.line({ by: 'x', action: 'break', object: 'a' }), { sql: 'INSERT INTO nowhere VALUES (1)', parameters: [] }]),
  ).rejects.toThrow()
  expect((await audit.list()).map(({ action }) => action)).toEqual(['make'])
  expect(await audit.verify()).toMatchObject({ lines: 1 })
})

describe('tampering is found, and the line is named', () => {
  const ALTERED = 'it is not what was written: its content, its number or the line before it was changed'
  const ELSEWHERE = 'it does not follow the line before it: lines were removed, inserted or put in another order'
  beforeEach(() => write(6))

  test.each([
    ['at', NOW + 1],
    ['by', 'token:9'],
    ['action', 'box.suspend'],
    ['object', 'autre@alpha.mssante.example'],
    ['result', 'refused'],
    ['detail', '{"quota":"4"}'],
    ['hash', 'f'.repeat(64)],
  ])('a changed %s', async (column, value) => {
    await tamper(`UPDATE audit SET "${column}" = ? WHERE line = 3`, value)
    const { fault } = await audit.verify()
    expect(fault).toEqual({ line: 3, why: column === 'hash' ? ELSEWHERE : ALTERED })
  })

  test('a changed last line', async () => {
    await tamper("UPDATE audit SET action = 'x' WHERE line = 6")
    expect((await audit.verify()).fault).toEqual({ line: 6, why: ALTERED })
  })

  test('a changed line whose hash was made anew: the line behind it no longer follows', async () => {
    await tamper("UPDATE audit SET action = 'x' WHERE line = 3")
    await forgeHash(3)
    expect((await audit.verify()).fault).toEqual({ line: 4, why: ALTERED })
  })

  test('words moved from one field to the next', async () => {
    await tamper(`UPDATE audit SET "by" = "by" || 'box', action = '.change' WHERE line = 2`)
    expect((await audit.verify()).fault?.line).toBe(2)
  })

  test('a removed line', async () => {
    await tamper('DELETE FROM audit WHERE line = 4')
    expect((await audit.verify()).fault).toEqual({ line: 4, why: 'it is missing' })
  })

  test('a removed line, the others renumbered', async () => {
    await tamper('DELETE FROM audit WHERE line = 4')
    await tamper('UPDATE audit SET line = line - 1 WHERE line > 4')
    expect((await audit.verify()).fault).toEqual({ line: 4, why: ELSEWHERE })
  })

  test('an inserted line, the others renumbered, its hash made to fit', async () => {
    await tamper('UPDATE audit SET line = -line WHERE line > 3')
    await tamper('UPDATE audit SET line = 1 - line WHERE line < 0')
    await tamper("INSERT INTO audit VALUES (4, ?, 'cli:nobody', 'box.close', 'x', 'done', '{}', '')", NOW)
    await forgeHash(4)
    expect((await audit.verify()).fault).toEqual({ line: 5, why: ELSEWHERE })
  })

  test('two lines in the place of one another', async () => {
    await tamper('UPDATE audit SET line = -4 WHERE line = 4')
    await tamper('UPDATE audit SET line = 4 WHERE line = 5')
    await tamper('UPDATE audit SET line = 5 WHERE line = -4')
    expect((await audit.verify()).fault).toEqual({ line: 4, why: ELSEWHERE })
  })

  test.each([
    ['taken away', 'DELETE FROM audit WHERE line = 0', 0],
    ['taken away with the first lines', 'DELETE FROM audit WHERE line < 3', 0],
    ['changed', "UPDATE audit SET hash = 'x' WHERE line = 0", 0],
    ['all that there is', 'DELETE FROM audit', 0],
  ])('the beginning %s', async (_, sql, line) => {
    await tamper(sql)
    expect((await audit.verify()).fault?.line).toBe(line)
  })

  test('the end taken away, for whoever noted it elsewhere', async () => {
    const noted = await audit.head()
    expect((await audit.verify({ noted })).fault).toBeUndefined()
    await tamper('DELETE FROM audit WHERE line > 4')
    expect((await audit.verify()).fault).toBeUndefined() // nothing in the chain can tell: that is what a noted head is for
    expect((await audit.verify({ noted })).fault).toEqual({ line: 5, why: 'the lines up to 6, which was noted, are missing' })
  })

  test('a chain that was made anew from a line on, for whoever noted its head', async () => {
    const noted = await audit.head()
    await tamper("UPDATE audit SET action = 'x' WHERE line = 3")
    for (const line of [3, 4, 5, 6]) await forgeHash(line)
    expect((await audit.verify()).fault).toBeUndefined()
    expect((await audit.verify({ noted })).fault).toEqual({ line: 6, why: 'it is not the line that was noted' })
  })

  test('in a log of many pages, at the edge of one', async () => {
    await db.atomically(Array.from({ length: 1_200 }, () => audit.line({ by: 'x', action: 'y', object: 'z' })))
    expect(await audit.verify()).toMatchObject({ lines: 1_206 })
    await tamper("UPDATE audit SET object = 'w' WHERE line = 999")
    expect((await audit.verify()).fault).toEqual({ line: 999, why: ALTERED })
    await tamper('UPDATE audit SET object = ? WHERE line = 999', 'z')
    await tamper('DELETE FROM audit WHERE line = 1000')
    expect((await audit.verify()).fault).toEqual({ line: 1_000, why: 'it is missing' })
  })
})

test('whatever the words are, the log stays whole', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 600 })
  const odd = fc.constantFrom('\0', '\ud83d', '\ude00', '😀', '"],"', '\u2028', 'x'.repeat(499).concat('😀'))
  const word = fc.oneof(text, odd)
  await fc.assert(
    fc.asyncProperty(
      word,
      word,
      word,
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), word, { maxKeys: 4 }),
      async (by, action, object, detail) => {
        await audit.append({ by, action, object, detail })
        expect((await audit.verify()).fault).toBeUndefined()
      },
    ),
    { numRuns: 60 },
  )
})

test('two writers at once, each with its own connection, write one chain', async () => {
  const other = await open()
  const theirs = openAudit(other, { now: () => now })
  const lines = Array.from({ length: 40 }, (_, count) => [
    audit.append({ by: 'one', action: 'x', object: String(count) }),
    theirs.append({ by: 'two', action: 'x', object: String(count) }),
  ])
  await Promise.all(lines.flat())
  expect(await audit.verify()).toMatchObject({ lines: 80 })
  expect((await audit.verify()).fault).toBeUndefined()
  expect((await audit.list({ by: 'two' })).length).toBe(40)
  await other.close()
})
