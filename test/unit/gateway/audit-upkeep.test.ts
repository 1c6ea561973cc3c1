import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Configuration, type Log, silent } from '../../../config/index.ts'
import type { ListDates } from '../../../crypto/index.ts'
import { openAuditNotes } from '../../../gateway/audit-notes.ts'
import { openAuditUpkeep } from '../../../gateway/audit-upkeep.ts'
import type { Identities } from '../../../gateway/certificates/identities.ts'
import { type AuditWorld, DAY, makeSigners, openAuditWorld, type Signers } from '../crypto/audit-world.ts'

let world: AuditWorld
let signers: Signers

beforeAll(async () => {
  signers = await makeSigners()
  world = await openAuditWorld(signers)
})

afterAll(() => world[Symbol.asyncDispose]())

const told: string[] = []
let lists: ListDates[] = []
const file = () => join(world.folder, 'audit', 'checkpoints')
const filed = () => readFileSync(file(), 'utf8').split('\n').slice(0, -1)

function upkeep(of = world) {
  const { db, folder, anchors } = of
  const audit = { checkpointEvery: 2, checkpointInterval: 3_600_000, keepFor: 200 * DAY }
  const held = [{ place: 'signature', current: () => signers.identity }]
  const now = () => of.now
  const log: Log = { ...silent, error: (event, _, error) => void told.push(`${event}: ${(error as Error).message}`) }
  const mailboxes = { publicKey: join(folder, 'mailboxes.pub') }
  writeFileSync(mailboxes.publicKey, 'a public key')
  return openAuditUpkeep({
    db,
    configuration: { hostname: 'smtp.alpha.mssante.example', data: folder, audit, mailboxes } as Configuration,
    identities: { signature: () => signers.identity, held } as unknown as Identities,
    anchors,
    notes: openAuditNotes({ now, log }),
    inForce: () => ({ whiteList: '2026-11-20T04:00:00.000Z', directory: '2026-11-20T04:12Z' }),
    lists: () => lists,
    now,
    log,
  })
}

test('start, renewed certificates and stop are written down, and signed; the file has every checkpoint', async () => {
  const auditing = upkeep()
  await auditing.start()
  auditing.renewed(['signature'])
  await auditing.stop()
  const fingerprint = signers.identity.facts.fingerprint256
  expect(await world.audit.list()).toMatchObject([
    {
      ...{ by: 'gateway', action: 'gateway.start' },
      detail: {
        configuration: expect.stringMatching(/^[0-9a-f]{64}$/),
        mailboxKey: createHash('sha256').update('a public key').digest('hex'),
        directory: '2026-11-20T04:12Z',
        signature: fingerprint,
      },
    },
    { action: 'certificate.renew', object: 'signature', detail: { certificate: fingerprint } },
    { action: 'gateway.stop' },
  ])
  expect(filed().map(line => JSON.parse(line))).toMatchObject([
    { checkpoint: 1, line: 1 },
    { checkpoint: 2, line: 3 },
  ])
  expect(await world.verifyWith(filed())).toMatchObject({ checkpoints: { count: 2, unsigned: 0 } })
  expect((await world.verifyWith(filed())).fault).toBeUndefined()
})

test('a revocation list that has ended, one that is back, and a look at the files that somebody asked for are written down, each once', async () => {
  await using world = await openAuditWorld(signers)
  const auditing = upkeep(world)
  const list = (authority: string, hours: number) => ({ authority, nextUpdate: new Date(world.now + hours * 3_600_000) })
  await auditing.start()
  for (const state of [[list('AC', 1)], [list('AC', -1), list('AC', 1), { authority: 'AC SANS LISTE' }], [list('AC', 1)]]) {
    lists = state
    await auditing.tick()
    await auditing.tick()
  }
  auditing.reloaded(true)
  auditing.reloaded(false)
  await auditing.stop()
  const lines = await world.audit.list()
  expect(lines.map(({ action, object, result }) => [action, object, result])).toEqual([
    ['gateway.start', 'smtp.alpha.mssante.example', 'done'],
    ['revocation-list.state', 'AC', 'refused'],
    ['revocation-list.state', 'AC', 'done'],
    ['gateway.reload', 'smtp.alpha.mssante.example', 'done'],
    ['gateway.reload', 'smtp.alpha.mssante.example', 'refused'],
    ['gateway.stop', 'smtp.alpha.mssante.example', 'done'],
  ])
  expect(lines[1]?.detail).toEqual({ until: new Date(world.now - 3_600_000).toISOString() })
})

test('what happened while nothing could be written down is written when it can be', async () => {
  await using world = await openAuditWorld(signers)
  const auditing = upkeep(world)
  await auditing.start()
  await world.tamper('ALTER TABLE audit RENAME TO away')
  auditing.renewed(['signature', 'smime.encryption.7'])
  auditing.reloaded(true)
  await auditing.tick()
  await world.tamper('ALTER TABLE away RENAME TO audit')
  await auditing.tick()
  const actions = ['gateway.start', 'certificate.renew', 'certificate.remove', 'gateway.reload']
  expect((await world.audit.list()).map(({ action }) => action)).toEqual(actions)
  expect(new Set(told.splice(0))).toEqual(new Set(['audit-fault: no such table: audit']))
})

test('what a crash left of a line is cut back, and its checkpoint is appended again', async () => {
  const whole = readFileSync(file(), 'utf8')
  appendFileSync(file(), '{"checkpoint":3,"li')
  const auditing = upkeep()
  await auditing.start()
  expect(readFileSync(file(), 'utf8').startsWith(`${whole}{"checkpoint":3,"line":4,`)).toBe(true)
  expect((await world.verifyWith(filed())).fault).toBeUndefined()
})

test('old lines go in upkeep, and the log stays whole', async () => {
  const auditing = upkeep()
  world.now += 202 * DAY
  await auditing.tick() // announced
  expect((await world.audit.verify()).from.line).toBe(0)
  await auditing.tick() // signed, an hour and more after the last checkpoint, and removed
  expect(await world.verifyWith(filed())).toMatchObject({ from: { line: 4 }, lines: 1 })
  expect((await world.verifyWith(filed())).fault).toBeUndefined()
})

test('a fault is told once, and does not stop the rest of upkeep', async () => {
  await world.tamper("UPDATE audit SET hash = 'x' WHERE line = (SELECT max(line) FROM audit)")
  const auditing = upkeep()
  await auditing.tick()
  await auditing.tick()
  expect(told).toEqual([expect.stringContaining('audit-fault: line 5 of the audit log is not the one that checkpoint')])
})
