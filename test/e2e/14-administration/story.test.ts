import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { layout } from '../../../gateway/data.ts'
import { pli } from '../../support/cli.ts'
import { pliHere } from '../../support/cli-here.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { OPERATORS } from '../../world/operator.ts'
import { freePort } from '../../world/ports.ts'

const DOMAIN = 'alpha.mssante.example'
const SERVICE = `bloc@${DOMAIN}`
const FINESS = '1750803447'

let stage: Stage
let port: number
let token: string
let configuration: string

beforeAll(async () => {
  port = await freePort()
  stage = await openStage({ professionals: 10, extra: { alpha: { admin: { listen: { port } } } } })
  configuration = stage.world.operators.alpha.configuration
})
afterAll(() => stage[Symbol.asyncDispose]())

/** Asks the running gateway, as a program of the operator does. */
function ask(method: string, path: string, body?: unknown): Promise<{ status: number; json: Record<string, unknown> }> {
  const { caFile } = stage.world
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, ca: readFileSync(caFile), servername: OPERATORS.alpha.host, method, path }
    const headers = { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) }
    const sent = request({ ...options, headers }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }))
    })
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** A process of its own in one test, to show that it does the same; in the others they would cost a second each. */
const box = (...args: string[]) => pliHere('directory', 'box', ...args, '-c', configuration, '--by', 'maud')

function letterTo(address: string): Promise<string> {
  const { sender } = stage.world.accounts
  const eml = Buffer.from(`From: <${sender.address}>\r\nTo: <${address}>\r\nSubject: Essai\r\n\r\nBonjour\r\n`)
  return stage.submit(sender, address, eml)
}

test('a token is made by command, shown once, and opens the API of the running gateway', async () => {
  const made = await pli('admin', 'token', 'create', 'console', '-c', configuration, '--by', 'maud')
  expect(made).toMatchObject({ status: 0, stderr: '' })
  token = made.stdout.trim()
  expect(token).toMatch(/^pli_[\w-]{43}$/)
  const { stdout } = await pli('admin', 'token', 'list', '-c', configuration, '--json')
  expect(JSON.parse(stdout)).toMatchObject([{ name: 'console' }])
  expect(stdout).not.toContain(token)
  expect((await ask('GET', '/openapi.json')).json).toMatchObject({ openapi: '3.1.0' })
})

test('what the API does, the mail server does at once: a new box takes mail, a suspended one does not', async () => {
  const created = await ask('POST', '/v1/boxes', {
    ...{ address: SERVICE, type: 'ORG', name: 'Bloc', structures: [FINESS], responsible: 'Dr Maud FICTIVE' },
  })
  expect(created.status).toBe(201)
  const id = await letterTo(SERVICE)
  await stage.when('alpha', id, ({ recipients }) => recipients[0]?.relay === 'sent')
  await ask('POST', `/v1/boxes/${SERVICE}/suspend`)
  await expect(letterTo(SERVICE)).rejects.toThrow('5.2.1')
  await ask('POST', `/v1/boxes/${SERVICE}/resume`)
  await expect(letterTo(SERVICE)).resolves.toMatch(/\w/)
})

test('a quota set by command: what does not fit waits, and says why', async () => {
  const other = `archives@${DOMAIN}`
  const options = ['--type', 'ORG', '--name', 'Archives', '--structure', FINESS, '--responsible', 'Dr Maud FICTIVE']
  expect((await box('create', other, ...options)).status).toBe(0)
  expect((await box('quota', other, '1', '--json')).stdout).toContain('"quotaBytes": 1')
  const id = await letterTo(other) // its size is not declared, so only the delivery can tell
  const { recipients } = await stage.when('alpha', id, timeline => timeline.recipients[0]?.status === '4.2.2')
  expect(recipients).toMatchObject([{ relay: 'queued', diagnostic: 'mailbox: over its quota' }])
  expect((await box('quota', other, 'none')).stdout).not.toContain('quota')
})

test('a box closed by command takes nothing more, and its address is never given again', async () => {
  const closed = await pli('directory', 'box', 'close', SERVICE, '--json', '-c', configuration, '--by', 'maud')
  expect(JSON.parse(closed.stdout)).toMatchObject({ state: 'closed', delegates: [] })
  await expect(letterTo(SERVICE)).rejects.toThrow(/5\.\d\.\d/)
  const args = ['create', SERVICE, '--type', 'ORG', '--name', 'Bloc', '--structure', FINESS, '--responsible', 'x']
  const again = await pli('directory', 'box', ...args, '-c', configuration, '--by', 'maud')
  expect(again).toEqual({ status: 1, stdout: '', stderr: `pli: ${SERVICE} was closed, and is never given again\n` })
  expect((await ask('POST', `/v1/boxes/${SERVICE}/resume`)).json).toMatchObject({ status: 409, reason: 'closed' })
})

test('each command changes what it says, by one path with the API', async () => {
  const org = `accueil@${DOMAIN}`
  const app = `logiciel@${DOMAIN}`
  const doctor = stage.world.accounts.sender.address
  const dn = `CN=Logiciel,OU=${FINESS},O=CLINIQUE FICTIVE,C=FR`
  const common = ['--structure', FINESS, '--responsible', 'Dr Maud FICTIVE']
  await box('create', org, '--type', 'ORG', '--name', 'Accueil', ...common, '--purpose', 'results', '--red-list', '--quota', '2G')
  await box('create', app, '--type', 'APP', '--name', 'Logiciel', ...common)
  const shown = async (address: string) => (await ask('GET', `/v1/boxes/${address}`)).json
  expect(await shown(org)).toMatchObject({ purposes: ['results'], redListed: true, quotaBytes: 2 * 1024 ** 3 })
  await box('red-list', 'off', org)
  await box('purpose', 'set', org, 'secretariat', 'referrals')
  await box('delegate', 'add', org, doctor.toUpperCase())
  await box('set', org, '--service', 'Secrétariat', '--paperless', 'yes')
  await box('declare', org)
  expect(await shown(org)).toMatchObject({
    ...{ redListed: false, purposes: ['referrals', 'secretariat'], delegates: [doctor], service: 'Secrétariat', paperless: true },
    declaredAt: expect.any(Number),
  })
  await box('delegate', 'remove', org, doctor)
  await box('retract', org)
  await box('set', org, '--service', '')
  expect(await shown(org)).toMatchObject({ delegates: [] })
  expect(Object.keys(await shown(org))).not.toEqual(expect.arrayContaining(['service']))
  await box('certificate', 'add', app, dn)
  expect(await shown(app)).toMatchObject({ certificates: [dn] })
  await box('certificate', 'remove', app, dn)
  expect(await shown(app)).toMatchObject({ certificates: [] })
  expect((await box('password', app)).stdout).toMatch(/^[\w-]{24}\n$/)
  const list = await pli('directory', 'box', 'list', '-c', configuration, '--type', 'APP', '--json')
  expect(JSON.parse(list.stdout)).toMatchObject([{ address: app, state: 'open' }])
  expect((await pli('directory', 'box', 'show', app, '-c', configuration)).stdout).toContain(`address: ${app}\ntype: APP\n`)
}, 300_000)

test.each([
  ['what is not there', ['suspend', `nobody@${DOMAIN}`], 1, `pli: There is no box nobody@${DOMAIN}\n`],
  ['what the operator needs', ['close', `postmaster@${DOMAIN}`], 1, `pli: The operator needs postmaster@${DOMAIN}: it stays open\n`],
  ['a foreign domain', ['create', 'a@b.example', '--type', 'PER', '--name', 'x'], 1, 'pli: a@b.example is not in one of our domains\n'],
  ['an unknown purpose', ['purpose', 'set', SERVICE, 'parking'], 2, /one of referrals, discharge-reports, results, secretariat/],
  ['an unknown type', ['create', SERVICE, '--type', 'XYZ', '--name', 'x'], 2, /Allowed choices are PER, ORG, APP, CAB/],
  ['a quota that is no size', ['quota', SERVICE, 'much'], 2, /a number and K, M, G or T/],
])('%s is refused with a sentence', async (_, args, status, words) => {
  const result = await box(...args)
  expect(result.status).toBe(status)
  if (typeof words === 'string') expect(result.stderr).toBe(words)
  else expect(result.stderr).toMatch(words)
})

test('the audit log says who did what, is whole, and shows where it was tampered with', async () => {
  const listed = await pli('audit', 'list', '-c', configuration, '--object', SERVICE, '--json')
  const lines = JSON.parse(listed.stdout) as { line: number; by: string; action: string }[]
  expect(lines.filter(({ action }) => action.startsWith('box.')).map(({ by, action }) => `${action} ${by}`)).toEqual([
    'box.create token:console',
    'box.suspend token:console',
    'box.resume token:console',
    'box.close cli:maud',
  ])
  const whole = await pli('audit', 'verify', '-c', configuration)
  expect(whole).toMatchObject({ status: 0, stderr: '' })
  const [, noted = ''] = /^\d+ lines?, whole; head (\d+:[0-9a-f]{64})\n\d+ checkpoints?, /.exec(whole.stdout) ?? []
  expect((await pli('audit', 'verify', '-c', configuration, '--noted', noted)).status).toBe(0)
  const rows = new Sqlite(layout(stage.world.operators.alpha.data).database)
  const line = lines.find(({ action }) => action === 'box.suspend')?.line
  rows.prepare(`UPDATE audit SET "by" = 'cli:nobody' WHERE line = ?`).run(line)
  rows.close()
  const broken = await pli('audit', 'verify', '-c', configuration)
  expect(broken).toMatchObject({ status: 1, stdout: '' })
  expect(broken.stderr).toMatch(new RegExp(`^pli: line ${line} of the audit log: it is not what was written`))
})

test('a revoked token opens nothing, and the log of the gateway names no box that was asked for', async () => {
  await pli('admin', 'token', 'revoke', 'console', '-c', configuration)
  expect((await ask('GET', '/v1/boxes')).status).toBe(401)
  const log = readFileSync(join(stage.world.operators.alpha.folder, 'gateway.log'), 'utf8').split('\n')
  const calls = log.filter(line => line.includes('"msg":"http"'))
  expect(calls.length).toBeGreaterThan(5)
  expect(calls.join()).not.toContain('bloc@')
  expect(log.filter(line => line.includes('"msg":"audit-head"')).length).toBe(1)
})
