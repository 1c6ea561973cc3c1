import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildDsn } from '../../../gateway/receipts/index.ts'
import { buildMdn } from '../../support/mail.ts'
import { withoutTrace } from '../../support/maildir.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { Submission } from '../../support/submission.ts'
import { until } from '../../support/until.ts'
import type { Account } from '../../world/index.ts'
import { insWithKey } from '../../world/letter.ts'
import { PATIENT_DOMAIN, type ReceivedMail } from '../../world/mon-espace-sante.ts'
import { filesTelling } from '../03-peer-down/sealed.ts'

const MEGABYTE = 1024 * 1024
const REFUSED = /^550 5\.7\.1 No professional of this mailbox has an open conversation with you/

let stage: Stage
let doctor: Account
let colleague: Account
let specialist: Account
let patients = 0

beforeAll(async () => {
  stage = await openStage({ extra: { alpha: { limits: { messageBytes: 40 * MEGABYTE } } } })
  const { accounts, people, password } = stage.world
  doctor = accounts.sender
  specialist = accounts.recipient
  const other = people.find(({ operator, address }) => operator === 'alpha' && address !== doctor.address)!
  colleague = { operator: 'alpha', address: other.address, name: other.name, password }
})
afterAll(() => stage[Symbol.asyncDispose]())

/** Somebody whom nobody has written to. */
function newPatient(): string {
  patients += 1
  return `${insWithKey(`2840375114${String(patients).padStart(3, '0')}`)}@${PATIENT_DOMAIN}`
}

function letter(from: string, to: string, ...fields: string[]): Buffer {
  const own = [`Message-ID: <${randomUUID()}@essai.example>`, `From: <${from}>`, `To: <${to}>`]
  const subject = fields.some(field => /^subject:/i.test(field)) ? [] : ['Subject: Bonjour']
  return Buffer.from(`${[...own, ...subject, ...fields].join('\r\n')}\r\n\r\nBonjour\r\n`)
}

const idOf = (eml: Buffer) => /^Message-ID: (<.*>)/m.exec(eml.toString())![1]!
const contains = (text: string) => (mail: ReceivedMail) => mail.message.includes(text)

/** A professional writes to a patient. @returns our id, once the patient's side has the letter */
async function write(from: Account, patient: string, ...fields: string[]): Promise<{ id: string; messageId: string; mail: ReceivedMail }> {
  const eml = letter(from.address, patient, ...fields)
  const id = await stage.submit(from, patient, eml)
  return { id, messageId: idOf(eml), mail: await stage.world.patientSide.arrival(contains(idOf(eml))) }
}

/** A patient writes. @returns the reply of our door */
function answer(patient: string, to: string, eml = letter(patient, to), from = patient): Promise<string> {
  const { ports } = stage.world.operators.alpha
  return stage.world.patientSide.send({ port: ports.reception, servername: 'smtp.alpha.mssante.example' }, { from, to }, eml)
}

const lines = async (id: string) => (await stage.timeline('alpha', id))!.lines.map(({ what, detail }) => ({ what, detail }))

describe('a conversation with a patient', () => {
  test('is begun by the professional; the patient’s answer arrives, a stranger’s letter and a letter to another mailbox do not', async () => {
    const patient = newPatient()
    expect(await answer(patient, doctor.address)).toMatch(REFUSED)
    const { id, mail } = await write(doctor, patient)
    expect(mail.to).toEqual([patient])
    expect(await lines(id)).toContainEqual({ what: 'conversation-opened', detail: { answers: doctor.address } })

    const eml = letter(patient, doctor.address)
    expect(await answer(patient, doctor.address, eml)).toMatch(/^250 /)
    await until('the answer arrives', async () => (await stage.mailbox(doctor.address)).some(each => each.includes(idOf(eml))))

    expect(await answer(newPatient(), doctor.address)).toMatch(REFUSED)
    expect(await answer(patient, colleague.address)).toMatch(REFUSED)
    expect(await answer(patient, 'nobody@alpha.mssante.example')).toMatch(REFUSED) // who may not write does not learn who exists
    expect(await answer(patient, `postmaster@alpha.mssante.example`)).toMatch(REFUSED)
  })

  test('goes on where Reply-To asks for the answer, when that is a mailbox of the trust space', async () => {
    const patient = newPatient()
    const { id } = await write(doctor, patient, `Reply-To: "Secrétariat" <${colleague.address}>`)
    expect(await lines(id)).toContainEqual({ what: 'conversation-opened', detail: { answers: `${doctor.address} ${colleague.address}` } })
    expect(await answer(patient, colleague.address)).toMatch(/^250 /)
    expect(await answer(patient, doctor.address)).toMatch(/^250 /)
    expect(await answer(patient, `postmaster@alpha.mssante.example`)).toMatch(REFUSED)

    const listed = await write(doctor, patient, `Reply-To: ${specialist.address}`)
    expect(await lines(listed.id)).toContainEqual({
      what: 'conversation-opened',
      detail: { answers: `${doctor.address} ${specialist.address}` },
    })
    for (const stranger of ['nobody@alpha.mssante.example', 'nobody@beta.mssante.example', 'dr@mail.example', newPatient()]) {
      const { id: other } = await write(doctor, patient, `Reply-To: ${stranger}`)
      expect(await lines(other)).toContainEqual({ what: 'conversation-opened', detail: { answers: doctor.address } })
    }
  })

  test.each([
    ['the field', 'X-MSS-MES: FIN', 'header'],
    ['the subject', 'Subject: [FIN]', 'subject'],
    ['the subject as an encoded word', 'Subject: =?utf-8?B?W0ZJTl0=?=', 'subject'],
  ])('is ended by %s, and begun again by the professional alone', async (_, field, by) => {
    const patient = newPatient()
    await write(doctor, patient, `Reply-To: ${colleague.address}`)
    expect(await answer(patient, doctor.address)).toMatch(/^250 /)
    const end = await write(doctor, patient, field)
    expect(end.mail.message.toString()).toContain(field) // it is the patient's side that shows the end
    expect(await lines(end.id)).toContainEqual({ what: 'conversation-closed', detail: { by } })
    expect(await answer(patient, doctor.address)).toMatch(REFUSED)
    expect(await answer(patient, colleague.address)).toMatch(REFUSED)
    expect(await answer(patient, doctor.address, letter(patient, doctor.address, field))).toMatch(REFUSED)
    await write(doctor, patient)
    expect(await answer(patient, doctor.address)).toMatch(/^250 /)
    expect(await answer(patient, colleague.address)).toMatch(REFUSED)
  })

  test('is not ended by the patient, nor by a subject that says more', async () => {
    const patient = newPatient()
    await write(doctor, patient)
    await write(doctor, patient, 'Subject: Re: [FIN]')
    expect(await answer(patient, doctor.address, letter(patient, doctor.address, 'Subject: [FIN]', 'X-MSS-MES: FIN'))).toMatch(/^250 /)
    expect(await answer(patient, doctor.address)).toMatch(/^250 /)
  })

  test('of one patient is nobody else’s: not under another From, nor under another reverse-path', async () => {
    const [patient, other] = [newPatient(), newPatient()]
    await write(doctor, patient)
    expect(await answer(patient, doctor.address, letter(other, doctor.address))).toMatch(
      /^550 5\.7\.1 The From field must hold the patient/,
    )
    expect(await answer(other, doctor.address, letter(patient, doctor.address))).toMatch(REFUSED)
    expect(await answer(patient, doctor.address, letter(specialist.address, doctor.address))).toMatch(/^550 5\.7\.1 /)
  })

  test('needs no conversation for a receipt: what the patient’s side says of a letter moves its receipt, after the end too', async () => {
    const patient = newPatient()
    const { id, messageId } = await write(doctor, patient)
    await write(doctor, patient, 'X-MSS-MES: FIN')
    const mdn = buildMdn({
      from: patient,
      to: doctor.address,
      messageId,
      disposition: 'automatic-action/MDN-sent-automatically; displayed',
    })
    expect(await answer(patient, doctor.address, mdn, '')).toMatch(/^250 /)
    await stage.when('alpha', id, ({ recipients }) => recipients[0]!.receipt === 'displayed')
    expect(await answer(patient, doctor.address, letter(patient, doctor.address), '')).toMatch(/^550 5\.7\.1 An empty return path/)
  })

  test('nor for a delivery report: who has no space there is told of as such', async () => {
    const patient = newPatient()
    const { id, messageId } = await write(doctor, patient)
    const { envid } = (await stage.timeline('alpha', id))!.message
    const report = buildDsn({
      kind: 'failed',
      reportingMta: `smtp.${PATIENT_DOMAIN}`,
      from: `mailer-daemon@${PATIENT_DOMAIN}`,
      to: doctor.address,
      envid,
      arrival: new Date(),
      recipients: [{ final: patient, action: 'failed', status: '5.1.1', lastAttempt: new Date() }],
      originalHeader: Buffer.from(`Message-ID: ${messageId}\r\n`),
      now: new Date(),
      newId: randomUUID,
    })
    expect(await answer(patient, doctor.address, report, '')).toMatch(/^250 /)
    await stage.when('alpha', id, ({ recipients }) => recipients[0]!.receipt === 'failed')
  })
})

describe('what goes to a patient and to others', () => {
  test('a letter to a patient, a professional and two that nobody is to know of: no copy tells of them', async () => {
    const patient = newPatient()
    const hidden = [colleague.address, newPatient()]
    const eml = letter(
      doctor.address,
      `${patient}>, <${specialist.address}`,
      `bCC:\r\n <${hidden[0]}>,\r\n\t<${hidden[1]}>`,
      `Resent-Bcc: <${hidden[0]}>`,
      `BCC: <${hidden[1]}>`,
    )
    await stage.submit(doctor, [patient, specialist.address, ...hidden], eml)
    const side = stage.world.patientSide
    const copies = [
      (await side.arrival(mail => contains(idOf(eml))(mail) && mail.to[0] === patient)).message,
      (await side.arrival(mail => contains(idOf(eml))(mail) && mail.to[0] === hidden[1])).message,
      ...(await Promise.all([specialist, colleague].map(({ address }) => inbox(address, idOf(eml))))),
    ]
    for (const copy of copies.slice(0, 3)) expect(copy.toString()).not.toMatch(/bcc\s*:/i)
    for (const copy of [copies[0]!, copies[2]!]) for (const address of hidden) expect(copy.toString()).not.toContain(address)
    expect(withoutTrace(copies[3]!).original.toString()).not.toMatch(/bcc\s*:/i)
    for (const mail of side.received.filter(contains(idOf(eml)))) expect(mail.to).toHaveLength(1)
  })

  test('a Bcc field that some read and others do not is refused', async () => {
    const eml = letter(doctor.address, specialist.address, `bcc : <${colleague.address}>`)
    await expect(stage.submit(doctor, specialist.address, eml)).rejects.toThrow('550 5.6.0')
  })

  test('the end of a conversation is not said to professionals', async () => {
    const patient = newPatient()
    const alone = letter(doctor.address, specialist.address, 'X-MSS-MES: FIN', 'X-MSS-NIL: ESSAI-1')
    await stage.submit(doctor, specialist.address, alone)
    const copy = (await inbox(specialist.address, idOf(alone))).toString()
    expect(copy).not.toContain('X-MSS-MES')
    expect(copy).toContain('X-MSS-NIL: ESSAI-1')
    const both = letter(doctor.address, patient, 'X-MSS-MES: FIN')
    await stage.submit(doctor, [specialist.address, patient], both)
    expect((await stage.world.patientSide.arrival(contains(idOf(both)))).message.toString()).toContain('X-MSS-MES: FIN')
  })

  async function inbox(address: string, messageId: string): Promise<Buffer> {
    return until('the letter arrives', async () => (await stage.mailbox(address)).find(mail => mail.includes(messageId)))
  }
})

describe('the address and the size', () => {
  let client: Submission

  beforeAll(async () => {
    const { ports } = stage.world.operators.alpha
    const tls: ConnectionOptions = {
      ca: stage.world.shared.anchors.map(file => readFileSync(file)),
      servername: 'smtp.alpha.mssante.example',
    }
    client = await Submission.open(ports.submissions, doctor, tls)
  })
  afterAll(() => client.dialogue.quit())

  test('a number with a wrong key is refused, and not repeated', async () => {
    const [right = ''] = newPatient().split('@')
    const wrong = `${right.slice(0, -1)}${(Number(right.at(-1)) + 1) % 10}`
    await client.dialogue.say(`MAIL FROM:<${doctor.address}>`)
    const reply = await client.dialogue.say(`RCPT TO:<${wrong}@${PATIENT_DOMAIN}>`)
    expect(reply).toMatch(/^553 5\.1\.3 Not the address of a patient: .*key/)
    expect(reply).not.toContain(right.slice(0, 13))
    expect(await client.dialogue.say(`RCPT TO:<dr.exemple@${PATIENT_DOMAIN}>`)).toMatch(/^553 5\.1\.3 /)
    expect(await client.dialogue.say(`RCPT TO:<${right.slice(0, 13)}@${PATIENT_DOMAIN.toUpperCase()}>`)).toMatch(/^250 /)
    expect(await client.dialogue.say(`RCPT TO:<reponse.automatique-test@${PATIENT_DOMAIN}>`)).toMatch(/^250 /)
    await client.dialogue.say('RSET')
  })

  test('more than 25 MB is refused as soon as it is said, for the patient alone', async () => {
    const { dialogue } = client
    expect(await dialogue.say(`MAIL FROM:<${doctor.address}> SIZE=${25 * MEGABYTE + 1}`)).toMatch(/^250 /)
    expect(await dialogue.say(`RCPT TO:<${newPatient()}>`)).toMatch(/^552 5\.3\.4 A message to a patient may hold 25 MB/)
    expect(await dialogue.say(`RCPT TO:<${specialist.address}>`)).toMatch(/^250 /)
    await dialogue.say('RSET')
    expect(await dialogue.say(`MAIL FROM:<${doctor.address}> SIZE=${25 * MEGABYTE}`)).toMatch(/^250 /)
    expect(await dialogue.say(`RCPT TO:<${newPatient()}>`)).toMatch(/^250 /)
    await dialogue.say('RSET')
  })

  test('otherwise at the end of the message, one octet over; not for professionals', async () => {
    const patient = newPatient()
    const head = letter(doctor.address, patient)
    const line = `${'x'.repeat(998)}\r\n`
    const most = 25 * MEGABYTE - head.length
    const body = Buffer.from(`${line.repeat(Math.floor(most / 1000) - 1)}${'x'.repeat((most % 1000) + 498)}\r\n${'x'.repeat(498)}\r\n`)
    const whole = Buffer.concat([head, body])
    expect(whole.length).toBe(25 * MEGABYTE)
    const over = Buffer.concat([whole.subarray(0, -2), Buffer.from('x\r\n')])
    expect(await client.send(patient, over)).toMatch(/^552 5\.3\.4 A message to a patient may hold 25 MB/)
    expect(await answer(patient, doctor.address)).toMatch(REFUSED) // what was refused opens nothing
    expect(await client.send(specialist.address, over)).toMatch(/^250 /)
    expect(await client.send(patient, whole)).toMatch(/^250 /)
  })
})

test('no log holds the number of a patient, and nothing that is kept: no row, no journal, no letter, no mailbox', () => {
  for (const { folder, data } of Object.values(stage.world.operators)) {
    expect(filesTelling(data, ['2840375114'])).toEqual([])
    expect(readFileSync(join(folder, 'gateway.log'), 'utf8')).not.toMatch(/2840375114\d{3}/)
  }
})
