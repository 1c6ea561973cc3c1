import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { layout } from '../../../gateway/data.ts'
import { authPlain, Dialogue } from '../../support/dialogue.ts'
import { withoutTrace } from '../../support/maildir.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { type Stop, stoppable } from '../../support/stop-at.ts'
import { until } from '../../support/until.ts'
import { restart } from '../../world/index.ts'
import { type Letter, sampleLetter } from '../../world/letter.ts'

/**
 * SIGKILL at each state of the spool, then a restart. Accepted mail (answered 250) is never lost, its document is filed
 * once, and what was not answered 250 leaves nothing that anybody receives.
 */
const INSERT_MESSAGE = 'insert into \\\\"message\\\\"'
const SETTLE = 'update \\\\"recipient\\\\".*\\\\"claimed_by\\\\" = \\?'
const HOUR = 3_600_000
const LINE = `${'x'.repeat(70)}\r\n`

let stage: Stage
let folder: string
let control: Record<'alpha' | 'beta', ReturnType<typeof stoppable>>
let letter: Letter

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-stop-'))
  await Promise.all(['alpha', 'beta'].map(name => mkdir(join(folder, name))))
  // The rounds of upkeep come three times a second.
  control = { alpha: stoppable(join(folder, 'alpha'), { hurry: 100 }), beta: stoppable(join(folder, 'beta'), { hurry: 100 }) }
  const retry = { schedule: ['1s'] }
  stage = await openStage({ env: { alpha: control.alpha.env, beta: control.beta.env }, extra: { alpha: { retry }, beta: { retry } } })
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  letter = await sampleLetter(stage.world.accounts)
})

test('S1: killed while the message is being written: nobody was told 250, nobody receives it', async () => {
  const { alpha } = stage.world.operators
  const before = await files()
  const dialogue = await begin()
  const half = Buffer.concat([letter.eml.subarray(0, letter.eml.indexOf('\r\n\r\n') + 4), Buffer.alloc(600_000, LINE)])
  await dialogue.write(half)
  await until('a file', async () => (await files()).length > before.length)
  await alpha.process.kill()
  expect(await dialogue.closed()).toBe('')
  await restart(alpha)
  await expectNothing()
  await expectSwept(before)
})

test.each<[string, number, Stop]>([
  ['small', 0, { when: 'synced' }],
  ['large', 600_000, { when: 'before', statement: INSERT_MESSAGE }],
])('S2, a %s message: killed between the sync and the rows: nobody was told 250, nobody receives it', async (_, more, stop) => {
  const { alpha } = stage.world.operators
  const before = await files()
  await control.alpha.stopAt(stop)
  const dialogue = await begin()
  await dialogue.write(Buffer.concat([letter.eml, Buffer.alloc(more, LINE), Buffer.from('\r\n.\r\n')]))
  await alpha.process.ended
  expect(await dialogue.closed()).toBe('')
  expect(await orphans(before)).toHaveLength(1)
  await restart(alpha)
  await expectNothing()
  await expectSwept(before)
})

test('S3: killed once the rows are safe: delivered and filed once, whatever the client heard', async () => {
  const { alpha } = stage.world.operators
  await control.alpha.stopAt({ when: 'after', statement: INSERT_MESSAGE })
  const dialogue = await begin()
  await dialogue.write(Buffer.concat([letter.eml, Buffer.from('.\r\n')]))
  await alpha.process.ended
  dialogue.cut()
  await restart(alpha)
  await expectWhole(letter.messageId, { copies: 1 })
})

test('S3, claimed: killed while the peer is down, the claim is free again and the message goes out once', async () => {
  const { alpha, beta } = stage.world.operators
  await beta.process.kill()
  const id = await submitAndStop('alpha', { when: 'before', statement: `${SETTLE}.*deferred` })
  const { recipients } = (await stage.timeline('alpha', id))!
  expect(recipients).toMatchObject([{ relay: 'sending' }])
  await Promise.all([restart(alpha), restart(beta)])
  await expectWhole(id, { copies: 1 })
})

test('S3, relayed: killed after the peer’s 250 and before it is written down: sent again rather than lost', async () => {
  const { alpha } = stage.world.operators
  const id = await submitAndStop('alpha', { when: 'before', statement: `${SETTLE}.*relayed` })
  await restart(alpha)
  await expectWhole(id, { copies: 2 })
})

test('S3, receiving: killed after the mailbox has it and before it is written down: one copy, acknowledged', async () => {
  const { beta } = stage.world.operators
  await control.beta.stopAt({ when: 'before', statement: `${SETTLE}.*delivered` })
  const id = await submit()
  await beta.process.ended
  await restart(beta)
  await expectWhole(id, { copies: 1 })
})

test('filing: killed after the DMP has the document and before it is written down: filed once', async () => {
  const { alpha } = stage.world.operators
  const id = await submitAndStop('alpha', { when: 'before', statement: 'update \\\\"filing\\\\".*\\"filed\\"' })
  expect(stage.world.dmp.filed.filter(({ uniqueId }) => uniqueId === letter.uniqueId)).toHaveLength(1)
  await restart(alpha)
  await expectWhole(id, {})
})

test('filing: killed while the document is being read', async () => {
  const { alpha } = stage.world.operators
  const id = await submitAndStop('alpha', { when: 'before', statement: 'insert into \\\\"filing\\\\"' })
  await restart(alpha)
  await expectWhole(id, {}) // it may have been on its way to the peer at that moment
})

test('S4: killed between the removal of the bytes and its row: the row follows', async () => {
  const { alpha, beta } = stage.world.operators
  await beta.process.kill()
  const id = await submit()
  await control.alpha.stopAt({ when: 'before', statement: `update \\\\"message\\\\" set \\\\"bytes_removed_at\\\\".*${id}` })
  await restart(beta)
  await alpha.process.ended
  expect(await files()).not.toContain(id)
  await restart(alpha)
  const { message } = await stage.when('alpha', id, ({ message: row }) => row.bytes_removed_at !== null)
  expect(await files()).not.toContain(message.id)
  await expectWhole(id, { copies: 1 })
})

test('after all that: no document is in the DMP twice, no file without a row, every letter filed', async () => {
  const { dmp } = stage.world
  const ids = dmp.filed.map(({ uniqueId }) => uniqueId)
  expect(new Set(ids).size).toBe(ids.length)
  expect(await orphans([])).toEqual([])
})

/** @returns a client that may send its letter now */
async function begin(): Promise<Dialogue> {
  const { world } = stage
  const { sender, recipient } = world.accounts
  const { alpha } = world.operators
  const dialogue = await Dialogue.open(alpha.ports.submissions, { rejectUnauthorized: false })
  await dialogue.reply()
  for (const line of [
    'EHLO practice.example',
    authPlain(sender),
    `MAIL FROM:<${sender.address}>`,
    `RCPT TO:<${recipient.address}>`,
    'DATA',
  ])
    expect(await dialogue.say(line)).toMatch(/^[23]/)
  return dialogue
}

/** @returns the id that the 250 gave */
function submit(): Promise<string> {
  const { sender, recipient } = stage.world.accounts
  return stage.submit(sender, recipient.address, letter.eml)
}

async function submitAndStop(name: 'alpha' | 'beta', stop: Stop): Promise<string> {
  await control[name].stopAt(stop)
  const id = await submit()
  await stage.world.operators[name].process.ended
  return id
}

function files(): Promise<string[]> {
  return readdir(layout(stage.world.operators.alpha.data).messages)
}

/** A letter that comes after goes all the way; of the one that was interrupted there is no row and no copy. */
async function expectNothing(): Promise<void> {
  const interrupted = letter
  letter = await sampleLetter(stage.world.accounts)
  await expectWhole(await submit(), { copies: 1 })
  expect(await stage.timeline('alpha', interrupted.messageId)).toBeUndefined()
  expect((await copies(interrupted)).length).toBe(0)
  expect(stage.world.dmp.filed.map(({ uniqueId }) => uniqueId)).not.toContain(interrupted.uniqueId)
}

/** @returns files without rows that were not there before */
async function orphans(before: readonly string[]): Promise<string[]> {
  const names = (await files()).filter(name => !before.includes(name))
  const db = await stage.rows('alpha')
  const rows = new Set((await db.run<{ id: string }>({ sql: 'SELECT id FROM message', parameters: [] })).map(({ id }) => id))
  return names.filter(name => !rows.has(name))
}

/** What has no rows is removed once nobody can have been promised anything: after a day and a half. */
async function expectSwept(before: readonly string[]): Promise<void> {
  const [orphan = 'none', ...others] = await orphans(before)
  expect(others).toEqual([])
  const old = new Date(Date.now() - 37 * HOUR)
  await utimes(join(layout(stage.world.operators.alpha.data).messages, orphan), old, old)
  await until('the orphan is gone', async () => !(await files()).includes(orphan))
}

async function copies({ eml }: Letter): Promise<Buffer[]> {
  const mail = await stage.mailbox(stage.world.accounts.recipient.address)
  return mail.filter(each => withoutTrace(each).original.equals(eml))
}

/** The three columns at their end, the document in the DMP once, the letter in the mailbox octet by octet. */
async function expectWhole(id: string, expected: { copies?: number }): Promise<void> {
  const { recipients } = await stage.settled('alpha', id)
  await stage.quiet()
  expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'filed' }])
  expect(stage.world.dmp.filed.filter(({ uniqueId }) => uniqueId === letter.uniqueId)).toHaveLength(1)
  const found = await copies(letter)
  if (expected.copies !== undefined) expect(found).toHaveLength(expected.copies)
  else expect(found.length).toBeGreaterThan(0)
}
