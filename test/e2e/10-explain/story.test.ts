import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../config/index.ts'
import { loadAnchors, protectMail } from '../../../crypto/index.ts'
import { openDirectory } from '../../../directory/index.ts'
import { explainedBy } from '../../../gateway/cli/explain.ts'
import { layout, openBoxes } from '../../../gateway/data.ts'
import type { Explanation } from '../../../gateway/explain/index.ts'
import { pli } from '../../support/cli.ts'
import { pliHere } from '../../support/cli-here.ts'
import { authPlain, Dialogue } from '../../support/dialogue.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/until.ts'
import { buildLetter, insWithKey, sampleAuthor, samplePatient } from '../../world/letter.ts'
import { PATIENT_DOMAIN } from '../../world/mon-espace-sante.ts'
import { type Pair, TABLE } from './table.ts'

const OURS = 'alpha.mssante.example'
const names: Record<string, string> = {}
const shown: Record<string, ConnectionOptions> = {}
let stage: Stage
let db: Database

beforeAll(async () => {
  stage = await openStage({
    prepare: async pki => {
      const { subject } = await pki.issue({
        kind: 'server',
        commonName: 'smtp.gamma.mssante.example',
        organization: 'GAMMA',
        structure: '1699999025',
      })
      return [{ domain: 'gamma.mssante.example', dn: subject, description: 'Opérateur Gamma (fictif)' }]
    },
  })
  db = await stage.rows('alpha')
  const { accounts, people, operators, shared } = stage.world
  const colleague = people.find(
    ({ operator, type, address }) => operator === 'alpha' && type === 'PER' && address !== accounts.sender.address,
  )!
  const ins = insWithKey('2840375114256')
  Object.assign(names, {
    doctor: accounts.sender.address,
    DOCTOR: accounts.sender.address.toUpperCase(),
    colleague: colleague.address,
    specialist: accounts.recipient.address,
    SPECIALIST: accounts.recipient.address.toUpperCase(),
    theirService: accounts.service.address,
    mistyped: mistyped('beta'),
    mistypedDoctor: mistyped('alpha'),
    ins,
    patient: `${ins}@${PATIENT_DOMAIN}`,
    wrongKey: `${ins.slice(0, 13)}${ins.endsWith('97') ? '01' : '97'}@${PATIENT_DOMAIN}`,
    thirteen: `${ins.slice(0, 13)}@${PATIENT_DOMAIN}`,
    other: `${insWithKey('1550420048012')}@${PATIENT_DOMAIN}`,
  })
  const { certificate, key, chain } = operators.beta.keys.server
  const ca = await Promise.all(shared.anchors.map(file => readFile(file)))
  const cert = Buffer.concat([await readFile(certificate), await readFile(chain!)])
  shown.ours = { ca, servername: `smtp.${OURS}` }
  shown['beta.mssante.example'] = { ...shown.ours, cert, key: await readFile(key) }
  await openTheBoxes(accounts.sender.address)
  // The conversation with the patient is begun as it is in life: by a letter.
  const id = await stage.submit(
    accounts.sender,
    names.patient!,
    Buffer.from(`From: <${accounts.sender.address}>\r\nSubject: essai\r\n\r\nBonjour\r\n`),
  )
  await stage.when('alpha', id, ({ lines }) => lines.some(({ what }) => what === 'reported'))
  await stage.quiet()
}, 120_000)
afterAll(() => stage[Symbol.asyncDispose]())

/** One box of each type and in each state, made as an operator does. */
async function openTheBoxes(doctor: string): Promise<void> {
  const { password, operators } = stage.world
  const boxes = openBoxes(db, Date.now)
  const { rpps = '', structures } = (await boxes.find(doctor))!
  const structure = structures.slice(0, 1)
  const responsible = 'Dr Maud RESPONSABLE-FICTIVE'
  const org = { type: 'ORG' as const, name: 'Service Essai', structures: structure, responsible }
  const at = (local: string) => `${local}.explique@${OURS}`
  await boxes.create({ ...org, address: at('service') }, password, 'test')
  await boxes.create(
    { address: at('cabinet'), type: 'CAB', name: 'Cabinet Essai', structures: structure, rpps, responsible },
    password,
    'test',
  )
  await boxes.create({ ...org, address: at('logiciel'), type: 'APP' }, password, 'test')
  await boxes.create({ ...org, address: at('rouge'), redListed: true }, password, 'test')
  for (const local of ['suspendue', 'fermee']) await boxes.create({ ...org, address: at(local) }, password, 'test')
  await boxes.create({ ...org, address: at('pleine'), quotaBytes: 1_000 }, password, 'test')
  await boxes.addDelegate(at('service'), doctor, 'test')
  await boxes.addDelegate(at('suspendue'), doctor, 'test')
  await boxes.suspend(at('suspendue'), 'test')
  await boxes.close(at('fermee'), 'test')
  const folder = join(layout(operators.alpha.data).mailboxes, OURS, 'pleine.explique', 'cur')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, '1.plein:2,S'), Buffer.alloc(2_000))
}

/** @returns the address of somebody listed, one letter wrong, of whom the directory says clearly that he is meant */
function mistyped(operator: 'alpha' | 'beta'): string {
  const directory = openDirectory(stage.world.shared.directory)
  try {
    for (const { address } of stage.world.people.filter(each => each.operator === operator && each.type === 'PER')) {
      const wrong = address.replace('@', 'x@')
      if (directory.find(wrong) === undefined && directory.nearest(wrong)?.address === address) return wrong
    }
  } finally {
    directory.close()
  }
  throw new Error('nobody can be mistyped')
}

const named = (text: string) => text.replace(/\{(\w+)\}/g, (_, name: string) => names[name]!)

const asked = ({ from, to, by, peer }: Pair) => ({ sender: named(from), recipient: named(to), by: by && named(by), peer })

/** What the command does, without the second that a process takes to start. */
function explained(pair: Pair, file?: string): Promise<Explanation> {
  return explainedBy(stage.world.operators.alpha.configuration, { ...asked(pair), file })
}

/** @returns what `pli explain --json` says; below, it says the same in a process of its own */
async function printed(pair: Pair, file?: string): Promise<Explanation> {
  const { sender, recipient, by, peer } = asked(pair)
  const options = [...(by ? ['--by', by] : []), ...(peer ? ['--peer', peer] : [])]
  const { configuration } = stage.world.operators.alpha
  const result = await pliHere('explain', sender || '<>', recipient, ...(file ? [file] : []), ...options, '-c', configuration, '--json')
  if (result.stdout === '') throw new Error(result.stderr)
  const explanation = JSON.parse(result.stdout) as Explanation
  expect(result.status).toBe(explanation.accepted ? 0 : 1)
  return explanation
}

interface Said {
  code: number
  status: string
  text: string
  reason: string | undefined
}

/** Refused lines of the gateway's log so far. */
const refusals = async () =>
  (await stage.logged('alpha', 'refused')) as { reason: string; rule?: string; directory?: string; whiteList?: string }[]

/** Plays the pair up to the first refusal, or to the reply to RCPT (to DATA with a message). The reason is what the gateway's log says. */
async function answered({ from, to, by, peer }: Pair, message?: string | Buffer): Promise<Said> {
  const { ports } = stage.world.operators.alpha
  if (peer === PATIENT_DOMAIN) return fromPatient(named(from), named(to))
  const before = (await refusals()).length
  const dialogue = await Dialogue.open(peer ? ports.reception : ports.submissions, peer ? undefined : shown.ours)
  const commands = [
    ...(peer ? [] : [authPlain({ address: named(by ?? from), password: stage.world.password })]),
    `MAIL FROM:<${named(from)}>`,
    `RCPT TO:<${named(to)}>`,
    ...(message === undefined ? [] : ['DATA', Buffer.concat([Buffer.from(message), Buffer.from('\r\n.\r\n')])]),
  ]
  try {
    await dialogue.reply()
    await dialogue.say('EHLO client.example')
    if (peer) {
      await dialogue.say('STARTTLS')
      await dialogue.secure(shown[peer]!)
      await dialogue.say('EHLO client.example')
    }
    let reply = ''
    for (const command of commands) {
      await dialogue.write(typeof command === 'string' ? `${command}\r\n` : command)
      reply = await dialogue.reply()
      if (/^[45]/.test(reply)) break
    }
    return await saidBy(reply, before)
  } finally {
    dialogue.cut()
  }
}

async function fromPatient(from: string, to: string): Promise<Said> {
  const before = (await refusals()).length
  const { ports } = stage.world.operators.alpha
  const eml = Buffer.from(`From: <${from}>\r\nSubject: essai\r\n\r\nBonjour\r\n`)
  return saidBy(await stage.world.patientSide.send({ port: ports.reception, servername: `smtp.${OURS}` }, { from, to }, eml), before)
}

async function saidBy(reply: string, before: number): Promise<Said> {
  const [, code = '', status = '', text = ''] = /^(\d{3}) (\S+) (.*)$/s.exec(reply) ?? []
  if (code.startsWith('2')) return { code: Number(code), status, text, reason: undefined }
  const line = await until('the refusal in the log', async () => (await refusals())[before])
  return { code: Number(code), status, text, reason: line!.reason }
}

test('the table has every kind of box, of sender and of look-alike', () => expect(TABLE.length).toBeGreaterThanOrEqual(40))

describe('explain says what the running gateway answers', () => {
  test.each(TABLE.map(pair => [pair.case, pair] as const))(
    '%s',
    async (_, pair) => {
      const [{ answer, accepted }, said] = await Promise.all([explained(pair), answered(pair)])
      expect(accepted).toBe(said.code === 250)
      if (accepted) return
      const { code, status, text, reason } = answer
      expect({ code, status, reason }).toEqual({ code: said.code, status: said.status, reason: said.reason })
      // Of what the SMTP library can't even take for a path, the gateway does not say what is wrong with it.
      if (said.text !== 'Address is not a valid mailbox address') expect(text).toBe(said.text)
    },
    60_000,
  )

  test.each(TABLE.filter((_, at) => at % 12 === 0).map(pair => [pair.case, pair] as const))(
    'the command prints it: %s',
    async (_, pair) => {
      expect(await printed(pair)).toEqual(JSON.parse(JSON.stringify(await explained(pair))))
    },
    60_000,
  )
})

describe('what mends a refusal', () => {
  const pair = (to: string, more: Partial<Pair> = {}): Pair => ({ case: '', from: '{doctor}', to, ...more })

  test('is said to who has signed in, and to no other operator', async () => {
    expect((await answered(pair('{mistyped}'))).text).toMatch(
      /^Recipient is not in the directory: did you mean \S+@beta\.mssante\.example\?$/,
    )
    expect((await answered(pair('{mistypedDoctor}', { from: '{specialist}', peer: 'beta.mssante.example' }))).text).toBe(
      'Recipient is not in the directory',
    )
  })

  test('names the boxes that a sender may use', async () => {
    expect((await answered(pair('{specialist}', { from: '{colleague}', by: '{doctor}' }))).text).toBe(
      named(`You may send only from your own mailbox: you may use {doctor}, cabinet.explique@${OURS}, service.explique@${OURS}`),
    )
  })
})

describe('with a message', () => {
  const messages: Record<string, [Pair, string]> = {
    'of the box itself': [{ case: '', from: '{doctor}', to: '{specialist}' }, 'From: {doctor}\r\nSubject: essai\r\n\r\nBonjour'],
    'of a colleague': [{ case: '', from: '{doctor}', to: '{specialist}' }, 'From: {colleague}\r\nSubject: essai\r\n\r\nBonjour'],
    'of the service, sent by its delegate': [
      { case: '', from: `service.explique@${OURS}`, to: '{specialist}', by: '{doctor}' },
      `From: service.explique@${OURS}\r\nSender: {doctor}\r\nSubject: essai\r\n\r\nBonjour`,
    ],
    'of two authors': [{ case: '', from: '{doctor}', to: '{specialist}' }, 'From: {doctor}, {colleague}\r\n\r\nBonjour'],
    'that is no message': [{ case: '', from: '{doctor}', to: '{specialist}' }, 'Bonjour'],
    'that is empty and comes from nobody': [{ case: '', from: '', to: '{specialist}', by: '{doctor}' }, 'From: {doctor}\r\n\r\nBonjour'],
    'of another operator under our name': [
      { case: '', from: '{specialist}', to: '{doctor}', peer: 'beta.mssante.example' },
      'From: {colleague}\r\n\r\nBonjour',
    ],
  }

  test.each(Object.entries(messages))(
    '%s',
    async (_, [pair, text]) => {
      const file = join(stage.world.folder, 'essai.eml')
      await writeFile(file, `${named(text)}\r\n`)
      const { answer, accepted, rules } = await explained(pair, file)
      const said = await answered(pair, named(text))
      expect((await printed(pair, file)).answer).toEqual(answer)
      expect(accepted).toBe(said.code === 250)
      expect(rules.map(({ step }) => step)).toContain('content')
      if (accepted) return
      expect({ code: answer.code, status: answer.status, text: answer.text, reason: answer.reason }).toEqual(said)
    },
    60_000,
  )

  test('of another operator, encrypted to our domain: opened, and what is inside judged; altered, refused alike', async () => {
    const { mail } = stage.world.operators.alpha.keys
    const pair: Pair = { case: '', from: '{specialist}', to: '{doctor}', peer: 'beta.mssante.example' }
    const encrypt = {
      to: [await readFile(mail.certificate, 'utf8')],
      anchors: loadAnchors(stage.world.shared),
      at: new Date(),
      profile: 'gateway',
    } as const
    const sealed = await buffer(protectMail(Buffer.from(named('From: {specialist}\r\nSubject: essai\r\n\r\nBonjour\r\n')), { encrypt }))
    const broken = Buffer.from(sealed)
    const at = broken.length - 100
    broken[at] = broken[at] === 65 ? 66 : 65
    for (const [name, eml] of Object.entries({ sealed, broken })) {
      const file = join(stage.world.folder, `${name}.eml`)
      await writeFile(file, eml)
      const { answer, accepted, rules } = await explained(pair, file)
      const said = await answered(pair, eml.subarray(0, -2))
      expect(accepted).toBe(said.code === 250)
      const line = rules.find(({ rule }) => rule === 's-mime')
      if (accepted) expect(line).toMatchObject({ outcome: 'pass', because: 'opened (aes-256-gcm), smime=none' })
      else expect({ code: answer.code, status: answer.status, text: answer.text, reason: answer.reason }).toEqual(said)
      expect(rules.filter(({ rule }) => rule === 'header-from-is-operator')).toHaveLength(accepted ? 2 : 1)
    }
  }, 60_000)

  test('of the service: the ledger says as whom, by whom, and on what the decision rested', async () => {
    const [pair, text] = messages['of the service, sent by its delegate']!
    const { text: words } = await answered(pair, named(text))
    const timeline = await stage.when('alpha', words.split(' ').at(-1)!, ({ recipients }) => recipients.length === 1)
    expect(timeline.message).toMatchObject({ sender: `service.explique@${OURS}`, box: `service.explique@${OURS}` })
    const { directory, whiteList } = await explained(pair)
    expect(timeline.lines[0]).toMatchObject({
      what: 'accepted',
      detail: { by: names.doctor, decided: `0: extract ${directory}, white list ${whiteList}` },
    })
  }, 60_000)
})

describe('with a document, the bridge does what explain says', () => {
  const service = `service.explique@${OURS}`
  const pair: Pair = { case: '', from: service, to: '{specialist}', by: '{doctor}' }
  const letter = () =>
    buildLetter({ from: service, to: names.specialist!, author: sampleAuthor, patient: samplePatient, now: new Date(), newId: randomUUID })

  /** What explain says of the documents of each form of the letter, and what becomes of the letter once it is sent. */
  async function both() {
    const { eml, xdm, cda } = await letter()
    const said: string[] = []
    for (const [name, bytes] of Object.entries({ 'lettre.eml': eml, 'IHE_XDM.zip': xdm, 'lettre.xml': cda })) {
      const file = join(stage.world.folder, name)
      await writeFile(file, bytes)
      const { rules, accepted } = await explained(pair, file)
      expect(accepted).toBe(true)
      said.push(...rules.filter(({ step }) => step === 'document').map(({ outcome, because = '' }) => `${outcome} ${because}`))
    }
    const id = (await answered(pair, eml)).text.split(' ').at(-1)!
    const { filings } = await stage.when('alpha', id, timeline => timeline.filings.some(({ state }) => state !== 'pending'))
    return { said, filing: filings[0]! }
  }

  test('held while the service has not declared that it informs its patients', async () => {
    const { said, filing } = await both()
    expect(filing.state).toBe('held')
    expect(said).toHaveLength(3)
    for (const line of said) for (const reason of ['hold', ...filing.reasons]) expect(line).toContain(reason)
  }, 60_000)

  test('filed afterwards, for the structure of the service that it was sent as', async () => {
    await openBoxes(db, Date.now).declare(service, 'test')
    const { said, filing } = await both()
    expect(said).toEqual(['pass file', 'pass file', 'pass file'])
    expect(filing.state).toBe('filed')
  }, 60_000)
})

test('every refused line of the log that a rule wrote says which, and on what it rested; none names a patient', async () => {
  const lines = await refusals()
  const byRule = lines.filter(({ rule }) => rule)
  expect(byRule.length).toBeGreaterThan(20)
  for (const { directory, whiteList } of byRule)
    expect([directory, whiteList]).toEqual([expect.stringMatching(/^\d{4}-/), expect.stringMatching(/^\d{4}-/)])
  expect(JSON.stringify(lines)).not.toContain(names.ins!.slice(0, 13))
})

test('a person reads a table of the rules and the answer; nothing is written by it', async () => {
  const count = async () => {
    const tables = ['message', 'recipient', 'event', 'audit', 'bal', 'filing', 'patient_conversation']
    const known = await db.run<{ name: string }>({ sql: "SELECT name FROM sqlite_master WHERE type = 'table'", parameters: [] })
    const counted = known.map(({ name }) => name).filter(name => tables.some(each => name.startsWith(each)))
    return Promise.all(
      counted.map(async name => [name, (await db.run({ sql: `SELECT count(*) AS rows FROM ${name}`, parameters: [] }))[0]]),
    )
  }
  const { configuration, process: gateway } = stage.world.operators.alpha
  await gateway.stop() // which writes by itself, now and then
  const before = await count()
  const { stdout, status } = await pli('explain', named('{doctor}'), named('{patient}'), '-c', configuration)
  expect(status).toBe(0)
  expect(stdout).toMatch(/^recipient +recipient-patient-address +pass/m)
  expect(stdout).toMatch(/^answer: 250 2\.1\.5 Accepted$/m)
  expect(stdout).not.toContain(names.ins!.slice(0, 13))
  expect(await count()).toEqual(before)
}, 60_000)
