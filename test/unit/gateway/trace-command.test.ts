import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { traceCommand } from '../../../gateway/cli/trace.ts'
import { type CommandWorld, openCommandWorld, runCommand } from './command-world.ts'

let world: CommandWorld
beforeAll(async () => {
  world = await openCommandWorld()
  const columns = 'id, origin, sender, envid, eight_bit, utf8, size, sha256, accepted_at, held_for_filing'
  const sql = `INSERT INTO message (${columns}) VALUES ('m1', 'submission', 'dr.fictif@a.test', 'm1', 0, 0, 9, '', 1, 0)`
  await world.rows(db => db.run({ sql, parameters: [] }))
})
afterAll(() => world.remove())

const prove = (file: string, ...more: string[]) => runCommand(traceCommand, 'trace', 'm1', '-c', world.config, '--proof', file, ...more)

test('the audit log says who asked for a proof', async () => {
  const file = world.path('proof.p7m')
  await prove(file, '--by', 'maud')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await world.audit()).toEqual([{ by: 'cli:maud', action: 'proof.write', object: 'm1', result: 'done', detail: {} }])
})

test('a proof is never written over another file, and then the log tells of none', async () => {
  const before = await world.audit()
  const file = world.path('mine')
  writeFileSync(file, 'mine')
  await expect(prove(file)).rejects.toMatchObject({ code: 'EEXIST', path: file })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  await expect(prove(world.path('nowhere/proof.p7m'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await world.audit()).toEqual(before)
})

test('a proof goes nowhere of which the log could not tell', async () => {
  const file = world.path('untold.p7m')
  await world.rows(db =>
    db.run({ sql: "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END", parameters: [] }),
  )
  await expect(prove(file)).rejects.toThrow('full')
  expect(existsSync(file)).toBe(false)
  await world.rows(db => db.run({ sql: 'DROP TRIGGER full', parameters: [] }))
})
