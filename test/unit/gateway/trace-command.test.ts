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
  await prove(world.path('proof.p7m'), '--by', 'maud')
  expect(await world.audit()).toEqual([{ by: 'cli:maud', action: 'proof.write', object: 'm1', result: 'done', detail: {} }])
})
