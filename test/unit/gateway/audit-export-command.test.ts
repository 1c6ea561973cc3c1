import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAudit } from '../../../crypto/index.ts'
import { auditCommands } from '../../../gateway/cli/audit.ts'
import { type CommandWorld, openCommandWorld, runCommand } from './command-world.ts'

let world: CommandWorld
beforeAll(async () => {
  world = await openCommandWorld()
  await world.rows(db => openAudit(db, { now: Date.now }).append({ by: 'gateway', action: 'gateway.start', object: 'smtp.a.test' }))
})
afterAll(() => world.remove())

const exportTo = (file: string) => runCommand(auditCommands, 'audit', 'export', '-c', world.config, '--by', 'maud', '--out', file)
const told = async () => (await world.audit()).filter(({ action }) => action === 'audit.export')
const DONE = { by: 'cli:maud', action: 'audit.export', object: 'audit', result: 'done', detail: {} }
const sql = (text: string) => world.rows(db => db.run({ sql: text, parameters: [] }))

test('a part that was given away has its line', async () => {
  const file = world.path('part')
  await exportTo(file)
  expect(readFileSync(file, 'utf8')).toContain('gateway.start')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await told()).toEqual([DONE])
})

test('where no file could be made nothing was given away, and no line says so', async () => {
  const before = await told()
  const file = world.path('mine')
  writeFileSync(file, 'mine')
  await expect(exportTo(file)).rejects.toMatchObject({ code: 'EEXIST', path: file })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  await expect(exportTo(world.path('nowhere/part'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await told()).toEqual(before)
})

test('an export that was cut off leaves no file, and the log says that it was not written', async () => {
  const before = await told()
  const file = world.path('cut')
  await sql('ALTER TABLE audit_checkpoint RENAME TO away')
  await expect(exportTo(file)).rejects.toThrow('audit_checkpoint')
  await sql('ALTER TABLE away RENAME TO audit_checkpoint')
  expect(existsSync(file)).toBe(false)
  expect(await told()).toEqual([...before, DONE, { ...DONE, result: 'refused', detail: { why: 'not-written' } }])
})

test('an export that is interrupted leaves no file, and the log says that it was not written', async () => {
  const before = await told()
  const file = world.path('interrupted')
  const interrupt = (name: unknown) => name === 'SIGINT' && queueMicrotask(() => process.emit('SIGINT'))
  process.on('newListener', interrupt)
  try {
    await expect(exportTo(file)).rejects.toThrow('interrupted')
  } finally {
    process.off('newListener', interrupt)
  }
  expect(existsSync(file)).toBe(false)
  expect(await told()).toEqual([...before, DONE, { ...DONE, result: 'refused', detail: { why: 'not-written' } }])
})

test('nothing is given away of which the log could not tell', async () => {
  const file = world.path('untold')
  await sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
  await expect(exportTo(file)).rejects.toThrow('full')
  expect(existsSync(file)).toBe(false)
  await sql('DROP TRIGGER full')
})
