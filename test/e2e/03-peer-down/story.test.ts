import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { addMasterKey, loadMasterKeys, removeMasterKey } from '../../../crypto/index.ts'
import { layout, openBoxes } from '../../../gateway/data.ts'
import { run } from '../../support/cli.ts'
import { type ReportMail, reportsIn } from '../../support/mail.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { stoppable } from '../../support/stop-at.ts'
import { until } from '../../support/until.ts'
import { type Account, restart, type WorldOperator } from '../../world/index.ts'
import { type Letter, sampleLetter, samplePatient } from '../../world/letter.ts'
import { filesTelling } from './sealed.ts'

/**
 * What a sender learns when the other side is down. The schedule is short: alpha tries every second and warns after two; beta warns at once and
 * gives up after five. The rounds of upkeep come three times a second.
 */
let stage: Stage
let folder: string
let beta: ReturnType<typeof stoppable>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-stop-'))
  await Promise.all(['alpha', 'beta'].map(name => mkdir(join(folder, name))))
  const alpha = stoppable(join(folder, 'alpha'), { hurry: 100 })
  beta = stoppable(join(folder, 'beta'), { hurry: 100 })
  stage = await openStage({
    env: { alpha: alpha.env, beta: beta.env },
    extra: {
      alpha: { retry: { schedule: ['1s'], warnAfter: '2s', giveUpAfter: '5m', overdueAfter: '1h' } },
      beta: { retry: { schedule: ['1s'], warnAfter: '0s', giveUpAfter: '5s', overdueAfter: '1h' } },
    },
  })
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** @returns our id and the Message-ID of a short letter */
async function send(from: Account, to: Account): Promise<{ id: string; messageId: string }> {
  const messageId = `<${randomUUID()}@essai.example>`
  const eml = `From: <${from.address}>\r\nTo: <${to.address}>\r\nMessage-ID: ${messageId}\r\nSubject: essai\r\n\r\nBonjour\r\n`
  return { id: await stage.submit(from, to.address, Buffer.from(eml)), messageId }
}

/** The reports in a mailbox about one message, once these subjects are among them. */
async function reportsAbout(account: Account, messageId: string, ...awaited: string[]): Promise<ReportMail[]> {
  return until(`the reports ${awaited.join(', ')}`, async () => {
    const found = (await reportsIn(await stage.mailbox(account.address))).filter(({ returned }) => returned.includes(messageId))
    return awaited.every(each => found.some(({ subject }) => subject === each)) && found
  })
}

test('a peer that is down: tried again, the sender warned once, then everything goes its way', async () => {
  const { operators, accounts } = stage.world
  await operators.beta.process.kill()
  const { id, messageId } = await send(accounts.sender, accounts.recipient)
  const waiting = await stage.when('alpha', id, ({ recipients }) => recipients[0]!.attempts >= 4)
  expect(waiting.recipients).toMatchObject([{ relay: 'queued', receipt: 'awaited', status: '4.4.1' }])
  expect(waiting.lines.filter(({ what }) => what === 'deferred')[0]?.detail).toMatchObject({
    status: '4.4.1',
    diagnostic: expect.stringContaining('ECONNREFUSED'),
  })
  const [warning, ...others] = await reportsAbout(accounts.sender, messageId, 'Message retardé')
  expect(others).toEqual([])
  expect(warning).toMatchObject({ subject: 'Message retardé' })
  expect(warning!.text).toContain('Nous continuons d’essayer ; ne le renvoyez pas.')
  expect(warning!.machine).toMatch(/Action: delayed\r\nStatus: 4\.4\.1\r\n(?:.*\r\n)*Will-Retry-Until: /)

  await restart(operators.beta)
  const { recipients } = await stage.settled('alpha', id)
  expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered' }])
  const reports = await reportsAbout(accounts.sender, messageId, 'Accusé de réception : message remis')
  expect(reports.map(({ subject }) => subject).sort()).toEqual(['Accusé de réception : message remis', 'Message retardé'])
})

test('at rest everything is sealed, waiting, delivered and filed: a copy of the data tells nothing, and the keys are changed while it waits', async () => {
  const { operators, accounts } = stage.world
  const { data, folder: home } = operators.alpha
  await operators.beta.process.kill()
  const letter = await sampleLetter(accounts)
  const id = await stage.submit(accounts.sender, accounts.recipient.address, letter.eml)
  await stage.when('alpha', id, ({ recipients }) => recipients[0]!.attempts >= 1)
  const waiting = await copied('waiting', operators.alpha, operators.beta)
  expect(waiting.files).toContain(`alpha/data/messages/${id}`)
  expect(waiting.files).toContain('alpha/data/pli.sqlite-wal')
  expect(waiting.telling(secretsOf(letter))).toEqual([])
  expect(waiting.telling([accounts.sender.address])).toContain('alpha/data/pli.sqlite') // it does find

  const keys = join(home, 'master.keys')
  const [old = ''] = loadMasterKeys({ file: keys }).ids
  const added = addMasterKey({ file: keys })
  const sealed = () => readFile(join(layout(data).messages, id))
  await until('the letter is under the new key', async () => (await sealed()).subarray(4, 8).toString('hex') === added)
  await until('the key of patients too', async () => (await readFile(join(data, 'patients.key'))).subarray(4, 8).toString('hex') === added)
  removeMasterKey({ file: keys }, old)
  await operators.alpha.process.kill()
  await restart(operators.alpha)
  await restart(operators.beta)
  const { recipients } = await stage.settled('alpha', id)
  expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'filed' }])
  const done = await copied('done', operators.alpha, operators.beta)
  expect(done.files.filter(file => file.startsWith(`beta/data/mail/${operators.beta.domain}/`))).not.toEqual([])
  expect(done.files.filter(file => file.startsWith(`alpha/data/mail/${operators.alpha.domain}/`))).not.toEqual([])
  expect(done.telling(secretsOf(letter))).toEqual([])
  const arrived = (await stage.mailbox(accounts.recipient.address)).find(mail => mail.includes(letter.messageId))!
  expect(arrived.subarray(-500).equals(letter.eml.subarray(-500))).toBe(true)
})

/** Starts an operator again with another patience for receipts: with this one from the start, a slow receipt would be one that has not come. */
async function withOverdueAfter(operator: WorldOperator, overdueAfter: string): Promise<void> {
  const value = parse(await readFile(operator.configuration, 'utf8'))
  await writeFile(operator.configuration, stringify({ ...value, retry: { ...value.retry, overdueAfter } }))
  await operator.process.stop()
  await restart(operator)
}

/** What only those who may read the letter may know. */
function secretsOf(letter: Letter): string[] {
  const [, subject = ''] = /^Subject: (.*)\r\n/m.exec(letter.eml.toString()) ?? []
  const { ins = '', birthName, firstName, birthDate } = samplePatient
  const born = birthDate.split('-')
  const dates = [born.join('-'), born.join(''), born.toReversed().join('/')]
  const content = ['Cher confrère', 'cette personne inventée', letter.xdm.toString('base64', 0, 60), letter.pdf.toString('latin1', 0, 40)]
  return [ins, ins.slice(0, 13), birthName, firstName, ...dates, subject, ...content]
}

/** Copies what operators keep and log: rows, journal, letters, mailboxes; not their keys, which lie beside. */
async function copied(name: string, ...operators: WorldOperator[]) {
  const copy = join(folder, name)
  for (const operator of operators) {
    const to = join(copy, operator.name)
    await mkdir(to, { recursive: true })
    // By another program: it goes on when a gateway has moved or removed a file meanwhile, and SQLite keeps the locks that this process has.
    const { stderr } = await run('cp', ['-R', operator.data, join(operator.folder, 'gateway.log'), to], { LC_ALL: 'C' })
    expect(stderr.split('\n').filter(line => !/^$|No such file or directory$/.test(line))).toEqual([])
  }
  const entries = await readdir(copy, { recursive: true, withFileTypes: true })
  const named = (file: string) => relative(copy, file)
  return {
    files: entries.filter(entry => entry.isFile()).map(entry => named(join(entry.parentPath, entry.name))),
    telling: (texts: readonly string[]) => filesTelling(copy, texts).map(named),
  }
}

test('a peer that stays down: given up, the sender gets his message’s header back with the reason', async () => {
  const { operators, accounts } = stage.world
  await operators.alpha.process.kill()
  const { id, messageId } = await send(accounts.recipient, accounts.sender)
  const { recipients, lines } = await stage.settled('beta', id)
  expect(recipients).toMatchObject([{ relay: 'failed', receipt: 'none', status: '5.4.7' }])
  expect(lines.find(({ what }) => what === 'failed')).toMatchObject({
    detail: { status: '5.4.7', diagnostic: expect.stringMatching(/^given up: .*ECONNREFUSED/) },
  })
  const reports = await reportsAbout(accounts.recipient, messageId, 'Message retardé', 'Message non remis')
  expect(reports.map(({ subject }) => subject).sort()).toEqual(['Message non remis', 'Message retardé'])
  const failure = reports.find(({ subject }) => subject === 'Message non remis')!
  expect(failure.text).toContain('Le délai est dépassé sans que le message ait pu être remis.')
  expect(failure.machine).toContain(`Final-Recipient: rfc822; ${accounts.sender.address}\r\nAction: failed\r\nStatus: 5.4.7\r\n`)
  await restart(operators.alpha)
})

test('a receipt that does not come: the sender is told once; when it comes after all, it counts', async () => {
  const { operators, accounts } = stage.world
  await withOverdueAfter(operators.alpha, '1s')
  await beta.stopAt({ when: 'before', statement: 'update \\\\"recipient\\\\".*\\\\"claimed_by\\\\" = \\?.*delivered' })
  const { id, messageId } = await send(accounts.sender, accounts.recipient)
  await operators.beta.process.ended
  const overdue = await stage.when('alpha', id, ({ recipients }) => recipients[0]!.receipt === 'overdue')
  expect(overdue.recipients).toMatchObject([{ relay: 'sent', receipt: 'overdue' }])
  const [report, ...others] = await reportsAbout(accounts.sender, messageId, 'Accusé de réception non parvenu')
  expect(others).toEqual([])
  expect(report).toMatchObject({ subject: 'Accusé de réception non parvenu' })

  await restart(operators.beta)
  await stage.when('alpha', id, ({ recipients }) => recipients[0]!.receipt === 'delivered')
  const ended = await reportsAbout(accounts.sender, messageId, 'Accusé de réception : message remis')
  expect(ended.map(({ subject }) => subject).sort()).toEqual(['Accusé de réception : message remis', 'Accusé de réception non parvenu'])
})

test('a recipient that disappears between RCPT and relay: the peer’s no is the sender’s answer', async () => {
  const { operators, accounts, people } = stage.world
  const gone = people.filter(({ operator }) => operator === 'beta').at(-1)!
  await operators.beta.process.kill()
  const { id, messageId } = await send(accounts.sender, { ...accounts.recipient, address: gone.address })
  await openBoxes(await stage.rows('beta'), Date.now).suspend(gone.address, 'test')
  await restart(operators.beta)
  const { recipients } = await stage.settled('alpha', id)
  expect(recipients).toMatchObject([{ relay: 'failed', receipt: 'none', status: '5.2.1' }])
  const reports = await reportsAbout(accounts.sender, messageId, 'Message non remis')
  const failure = reports.find(({ subject }) => subject === 'Message non remis')!
  expect(failure.text).toContain('La boîte du destinataire est fermée ou suspendue. Joignez-le autrement.')
  expect(failure.machine).toMatch(/Status: 5\.2\.1\r\n(?:.*\r\n)*Diagnostic-Code: smtp; 550 5\.2\.1 This mailbox is suspended/)
})
