import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { loadMailboxReader } from '../../../crypto/index.ts'
import { keysCommands } from '../../../gateway/cli/keys.ts'
import { layout } from '../../../gateway/data.ts'
import { type CommandWorld, openCommandWorld, runCommand } from './command-world.ts'

let world: CommandWorld
beforeAll(async () => {
  world = await openCommandWorld()
  mkdirSync(layout(world.data).messages, { recursive: true })
})
afterAll(() => world.remove())

const keys = (...args: string[]) => runCommand(keysCommands, 'keys', ...args, '-c', world.config)
const ids = () => [...readFileSync(world.path('master.keys'), 'utf8').matchAll(/^([0-9a-f]{8}) /gm)].map(([, id]) => id)

test('the audit log says who rotated the master keys, and who removed one', async () => {
  const [old] = ids()
  expect((await keys('rotate', '--by', 'maud')).out).toMatch(/^key [0-9a-f]{8} seals from now on\n$/)
  await keys('remove', old!, '--by', 'yann')
  const [present] = ids()
  expect(await world.audit()).toEqual([
    { by: 'cli:maud', action: 'keys.rotate', object: present, result: 'done', detail: {} },
    { by: 'cli:yann', action: 'keys.remove', object: old, result: 'done', detail: {} },
  ])
})

test('no key is added where the rows cannot be opened to write down who did it', async () => {
  const before = ids()
  const elsewhere = world.path('elsewhere.yaml')
  writeFileSync(elsewhere, stringify({ ...parse(readFileSync(world.config, 'utf8')), data: 'own.pem' }))
  await expect(runCommand(keysCommands, 'keys', 'rotate', '-c', elsewhere)).rejects.toThrow()
  expect(ids()).toEqual(before)
})

test('letters in clear are sealed for the mailboxes, and the audit log has the counts and no box', async () => {
  const cur = join(layout(world.data).mailboxes, 'a.test', 'secretariat', 'cur')
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(cur, '..', part), { recursive: true })
  writeFileSync(join(cur, '1:2,S'), 'Subject: Fictif\r\n\r\n')
  const before = await world.audit()
  expect((await keys('seal-mailboxes', '--dry-run')).out).toBe('1 letter in clear, 0 sealed before, in 1 Maildir\n')
  expect(readFileSync(join(cur, '1:2,S'), 'utf8')).toContain('Fictif')
  expect(await world.audit()).toEqual(before)
  const { out } = await keys('seal-mailboxes', '--by', 'maud', '--json')
  expect(JSON.parse(out)).toEqual({ maildirs: 1, already: 0, sealed: 1, clear: 0, faults: [], dryRun: false, interrupted: false })
  expect(loadMailboxReader(world.path('mailboxes.key'))(readFileSync(join(cur, '1:2,S'))).toString()).toContain('Fictif')
  const detail = { maildirs: '1', already: '0', sealed: '1', clear: '0' }
  expect(await world.audit()).toEqual([
    ...before,
    { by: 'cli:maud', action: 'keys.seal-mailboxes', object: 'mailboxes', result: 'done', detail },
  ])
})

test('where the sealing is interrupted, its line does not say that nothing is left in clear', async () => {
  const interrupt = (name: unknown) => name === 'SIGINT' && queueMicrotask(() => process.emit('SIGINT'))
  process.on('newListener', interrupt)
  try {
    await expect(keys('seal-mailboxes', '--by', 'maud')).rejects.toThrow('interrupted')
  } finally {
    process.off('newListener', interrupt)
  }
  expect((await world.audit()).at(-1)).toMatchObject({ action: 'keys.seal-mailboxes', detail: { interrupted: 'yes' } })
})
