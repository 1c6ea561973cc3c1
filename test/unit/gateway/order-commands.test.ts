import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { orderCommands } from '../../../gateway/cli/dmp-orders.ts'
import { whiteListCommands } from '../../../gateway/cli/white-list.ts'
import { type CommandWorld, openCommandWorld, runCommand } from './command-world.ts'

let world: CommandWorld
beforeAll(async () => {
  world = await openCommandWorld()
})
afterAll(() => world.remove())

test.each(['hold', 'release', 'retry', 'refuse', 'delete'])('the log says who ordered %s, as he is named', async order => {
  await runCommand(orderCommands, order, 'nothing', '-c', world.config, '--by', 'maud').catch(() => {}) // there is no such filing
  expect((await world.audit()).at(-1)).toMatchObject({ by: 'cli:maud', action: `dmp.${order}`, object: 'nothing', result: 'refused' })
})

test('the log says who had the white list fetched', async () => {
  const config = world.path('listed.yaml')
  writeFileSync(
    config,
    readFileSync(world.config, 'utf8').replace('  file: list.xml', '  file: list.xml\n  url: https://127.0.0.1:1/list.xml'),
  )
  await expect(runCommand(whiteListCommands, 'whitelist', 'update', '-c', config, '--by', 'maud')).rejects.toThrow('list')
  expect((await world.audit()).at(-1)).toMatchObject({ by: 'cli:maud', action: 'white-list.update', result: 'refused' })
})
