import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importAside } from '../../bench/directory-load.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { stoppable } from '../../support/stop-at.ts'
import { until } from '../../support/until.ts'
import { writeExtract } from '../../world/extract.ts'
import { DOMAINS, publishedAuthor } from '../../world/people.ts'

/** A gateway goes on while the directory is replaced below it, by a newer one or by an old one. */
let stage: Stage
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-directory-'))
  stage = await openStage({ env: { alpha: stoppable(folder, { hurry: 30 }).env } }) // a round of upkeep every second
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const newcomer = { ...publishedAuthor, address: `nouvelle.venue@${DOMAINS.beta}` }
const eml = (to: string) =>
  Buffer.from(`From: <${stage.world.accounts.sender.address}>\r\nTo: <${to}>\r\nSubject: essai\r\n\r\nBonjour\r\n`)

/** Imports an extract that also has the newcomer, as an operator does beside a running gateway. */
async function importInto(name: string): Promise<void> {
  const { world } = stage
  const extract = join(world.folder, name)
  await writeExtract(extract, [...world.people, newcomer])
  await importAside(extract, world.shared.directory)
}

test('who is new in the extract can be written to without a restart', async () => {
  const { sender } = stage.world.accounts
  const write = () => stage.submit(sender, newcomer.address, eml(newcomer.address))
  await expect(write()).rejects.toMatchObject({ responseCode: 550 })
  await importInto('Extraction_Correspondance_MSSante.txt')
  await until('the newcomer is known', () => write().catch(() => undefined))
})

test('an old directory raises the alarm, and letters still arrive', async () => {
  const { sender, recipient } = stage.world.accounts
  await importInto('Extraction_Correspondance_MSSante_202001010412.txt')
  const firstAlarm = async () => (await stage.logged('alpha', 'directory-old'))[0]
  expect(await until('the alarm', firstAlarm, 60_000)).toMatchObject({
    msg: 'directory-old',
    version: '2020-01-01T04:12Z',
    hours: expect.any(Number),
  })
  const id = await stage.submit(sender, recipient.address, eml(recipient.address))
  await stage.when('alpha', id, ({ recipients }) => recipients[0]?.relay === 'sent')
  expect(await stage.logged('alpha', 'directory-old')).toHaveLength(1)
})
