import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
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
