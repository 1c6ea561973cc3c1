import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { loadIdentity, openAudit, signEnveloped } from '../../../crypto/index.ts'
import { pli } from '../../support/cli.ts'
import { pliHere } from '../../support/cli-here.ts'
import { Dialogue } from '../../support/dialogue.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { stoppable } from '../../support/stop-at.ts'
import { until } from '../../support/until.ts'
import { restart } from '../../world/index.ts'
import type { Issued } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'
import { startWhiteListServer, type WhiteListServer } from '../../world/white-list-server.ts'

/** The white list in the life of a running operator: fetched by command and by schedule, refused, lost, old. */
let stage: Stage
let server: WhiteListServer
let gamma: Issued
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-white-list-'))
  stage = await openStage({
    env: { alpha: stoppable(folder, { hurry: 100 }).env }, // three rounds of upkeep a second
    prepare: async pki => {
      const common = { kind: 'server', organization: 'FICTIF', structure: '1699999025' } as const
      gamma = await pki.issue({ ...common, commonName: 'smtp.gamma.mssante.example' })
      const certificate = await pki.issue({ ...common, commonName: 'liste.example' })
      server = await startWhiteListServer({ certificate, chainPem: pki.authorities[1]! })
      return []
    },
  })
}, 180_000)
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]()
  await server?.close()
  await rm(folder, { recursive: true, force: true })
}, 180_000)

/** A list signed by its publisher: our two operators, and whom else it names. */
function signed(others: readonly string[], at = Date.now()): string {
  const { operators, shared } = stage.world
  const lists = join(shared.whiteList, '..')
  const identity = loadIdentity({ certificate: join(lists, 'signer.crt.pem'), key: join(lists, 'signer.key.pem') })
  const ours = [operators.alpha, operators.beta].map(({ domain, subject }) => ({ domain, dn: subject }))
  const entries = [...ours, ...others.map(domain => ({ domain, dn: gamma.subject }))]
  return buildWhiteList({ entries, generatedAt: new Date(at), sign: xml => signEnveloped(xml, { identity, where: 'end-of-root' }) })
}

/** Starts alpha again with another white list part of its configuration. */
async function withWhiteList(change: Record<string, unknown>): Promise<void> {
  const { alpha } = stage.world.operators
  const value = parse(await readFile(alpha.configuration, 'utf8'))
  await writeFile(alpha.configuration, stringify({ ...value, whiteList: { ...value.whiteList, ...change } }))
  await alpha.process.stop()
  await restart(alpha)
}

/** @returns the reply to MAIL of the operator gamma */
async function mailFrom(domain: string): Promise<string> {
  const { operators, shared, pki } = stage.world
  const dialogue = await Dialogue.open(operators.alpha.ports.reception)
  try {
    await dialogue.reply()
    await dialogue.say('EHLO smtp.gamma.mssante.example')
    await dialogue.say('STARTTLS')
    const ca = await Promise.all(shared.anchors.map(file => readFile(file)))
    await dialogue.secure({
      ca,
      servername: 'smtp.alpha.mssante.example',
      cert: gamma.certificatePem + pki.authorities[1],
      key: gamma.keyPem,
    })
    await dialogue.say('EHLO smtp.gamma.mssante.example')
    return await dialogue.say(`MAIL FROM:<essai@${domain}>`)
  } finally {
    dialogue.cut()
  }
}

const logged = (event: string) => stage.logged('alpha', event)

const whitelist = (command: string, ...args: string[]) =>
  pli('whitelist', command, ...args, '-c', stage.world.operators.alpha.configuration)

test('by command: a new operator is taken in by the running gateway, and a bad list changes nothing', async () => {
  expect(await whitelist('update')).toMatchObject({ status: 1, stderr: expect.stringContaining('whiteList.url is not configured') })
  server.publish(signed([]))
  await withWhiteList({ url: server.url })
  await until('the first download', async () => (await logged('white-list-updated')).length > 0)
  expect(await mailFrom('gamma.mssante.example')).toMatch(/^550 5\.7\.1 .*gamma\.mssante\.example is not in the list/)

  server.publish(signed(['gamma.mssante.example']))
  expect(await whitelist('update')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^updated: 3 entries, generated 20/) })
  expect(await whitelist('update', '--json')).toMatchObject({ status: 0, stdout: expect.stringContaining('"unchanged"') })
  await until('gamma to be heard', async () => (await mailFrom('gamma.mssante.example')).startsWith('250 '))

  server.publish(signed(['evil.example']).replace('<Nom>evil', '<Nom>Evil'))
  const refused = await whitelist('update', '--json')
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/^pli: altered: The signature of the white list is refused/) })
  expect(JSON.parse(refused.stdout)).toMatchObject({ accepted: false, reason: 'signature', detail: 'altered' })
  expect(await mailFrom('gamma.mssante.example')).toMatch(/^250 /)

  const checked = await whitelist('check', '--json')
  expect(JSON.parse(checked.stdout)).toMatchObject({
    accepted: true,
    checked: 'integrity and origin',
    old: false,
    lastUpdate: { fault: 'signature' },
  })

  const rows = await stage.rows('alpha')
  const audited = async (by: RegExp) =>
    (await openAudit(rows, { now: Date.now }).list({ object: 'white-list' })).filter(line => by.test(line.by))
  await until('both lists in the audit log', async () => (await audited(/^gateway$/)).length === 2)
  const used = (await audited(/^gateway$/)).map(({ action, result, detail }) => [action, result, detail.entries])
  expect(used).toEqual([
    ['white-list.use', 'done', '2'],
    ['white-list.use', 'done', '3'],
  ])
  expect(await audited(/^cli:/)).toMatchObject([
    { action: 'white-list.update', result: 'done', detail: { outcome: 'updated', entries: '3' } },
    { action: 'white-list.update', result: 'done', detail: { outcome: 'unchanged' } },
    { action: 'white-list.update', result: 'refused', detail: { reason: 'signature', detail: 'altered' } },
  ])
}, 180_000)

test('show: the names of a domain, as it is written in the list or as a person writes it', async () => {
  const { configuration } = stage.world.operators.alpha
  const show = (domain: string) => pliHere('whitelist', 'show', domain, '-c', configuration)
  const shown = await whitelist('show', 'gamma.mssante.example')
  expect(shown).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^CN=smtp\.gamma\.mssante\.example,OU=1699999025,.* {2}\(1 domain\)\n$/),
  })
  expect((await show('GAMMA.mssante.example')).stdout).toBe(shown.stdout)
  expect(await show('gаmma.mssante.example')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('(xn--gmma-53d.mssante.example) is not in the list'),
  })
  expect(await show('gamma.mssante.example.')).toMatchObject({ status: 1 })
  expect(await show('x.gamma.mssante.example')).toMatchObject({ status: 1 })
}, 180_000)

test('by schedule: withdrawn and added operators are followed, a failing publisher is told and harms nobody', async () => {
  const updated = (await logged('white-list-updated')).length
  server.publish(signed(['delta.mssante.example']))
  await withWhiteList({ refresh: '1s' })
  await until('the download', async () => (await logged('white-list-updated')).length > updated)
  await until('delta to be heard', async () => (await mailFrom('delta.mssante.example')).startsWith('250 '))
  expect(await mailFrom('gamma.mssante.example')).toMatch(/^550 /)

  for (const [failure, reason] of [
    [{ status: 503 }, 'answer'],
    ['cut', 'unreachable'],
    [{ redirect: 'http://localhost/' }, 'redirect'],
  ] as const) {
    server.fail(failure, { always: true })
    await until(reason, async () => (await logged('white-list-update-failed')).some(line => line.reason === reason))
  }
  server.fail(undefined)
  server.publish(signed([], Date.now() - 86_400_000))
  await until('older', async () => (await logged('white-list-update-failed')).some(line => line.reason === 'older'))
  expect(await mailFrom('delta.mssante.example')).toMatch(/^250 /)
}, 180_000)

test('an old list stays in use, and says so', async () => {
  expect(await logged('white-list-old')).toEqual([])
  await withWhiteList({ maxAge: '1s' })
  await until('the alarm', async () => (await logged('white-list-old')).length > 0)
  expect(await mailFrom('delta.mssante.example')).toMatch(/^250 /)
  expect(JSON.parse((await whitelist('check', '--json')).stdout)).toMatchObject({ accepted: true, old: true })
}, 180_000)

test('a list that was never here is fetched before the doors open', async () => {
  const { shared, operators } = stage.world
  server.publish(signed(['gamma.mssante.example']))
  await operators.alpha.process.stop()
  await withWhiteList({ file: join(shared.whiteList, '..', 'fresh', 'list.xml'), maxAge: '3d' })
  expect(await mailFrom('gamma.mssante.example')).toMatch(/^250 /)
}, 180_000)
