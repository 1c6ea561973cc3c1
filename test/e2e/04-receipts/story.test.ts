import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildDsn } from '../../../gateway/receipts/index.ts'
import type { Timeline } from '../../../gateway/timeline.ts'
import { Dialogue } from '../../support/dialogue.ts'
import { buildMdn, reportsIn } from '../../support/mail.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/until.ts'
import type { Account } from '../../world/index.ts'
import type { Issued } from '../../world/pki.ts'

const GAMMA = 'gamma.mssante.example'
const DISPLAYED = 'manual-action/MDN-sent-manually; displayed'

let stage: Stage
let gamma: Issued
let chain: string

beforeAll(async () => {
  stage = await openStage({
    async prepare(pki) {
      chain = pki.authorities[1] ?? ''
      gamma = await pki.issue({ kind: 'server', commonName: `smtp.${GAMMA}`, organization: 'OPERATEUR GAMMA', structure: '1759999029' })
      return [{ domain: GAMMA, dn: gamma.subject, description: 'Opérateur Gamma (fictif)' }]
    },
  })
})
afterAll(() => stage[Symbol.asyncDispose]())

interface Sent {
  id: string
  messageId: string
}

async function send(from: Account, to: Account, notify?: string): Promise<Sent> {
  const messageId = `<${randomUUID()}@essai.example>`
  const eml = `From: <${from.address}>\r\nTo: <${to.address}>\r\nMessage-ID: ${messageId}\r\nSubject: essai\r\nDisposition-Notification-To: <${from.address}>\r\n\r\nBonjour\r\n`
  const id = await stage.submit(from, to.address, Buffer.from(eml), notify ? { dsn: { notify } } : {})
  return { id, messageId }
}

/** A letter from alpha to beta that has been delivered and acknowledged. */
async function delivered(): Promise<Sent & { timeline: Timeline }> {
  const { sender, recipient } = stage.world.accounts
  const sent = await send(sender, recipient)
  const timeline = await stage.when('alpha', sent.id, ({ lines }) => lines.some(({ what }) => what === 'acknowledged'))
  return { ...sent, timeline }
}

/** A report by a box of `writer`'s operator, and its arrival in alpha's mailbox. */
async function report(writer: Account, eml: Buffer): Promise<void> {
  const { sender } = stage.world.accounts
  const id = `<${randomUUID()}@essai.example>`
  await stage.submit(writer, sender.address, Buffer.concat([Buffer.from(`Message-ID: ${id}\r\n`), eml]), { from: '' })
  await until('the report arrives', async () => (await stage.mailbox(sender.address)).some(mail => mail.includes(id)))
}

const receiptOf = async (sent: Sent) => (await stage.timeline('alpha', sent.id))!.recipients[0]!.receipt

describe('what the recipient’s side says moves the receipt', () => {
  test('displayed (RFC 8098)', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await delivered()
    expect(await receiptOf(sent)).toBe('delivered')
    await report(recipient, buildMdn({ from: recipient.address, to: sender.address, messageId: sent.messageId, disposition: DISPLAYED }))
    expect(await receiptOf(sent)).toBe('displayed')
    const { lines } = (await stage.timeline('alpha', sent.id))!
    expect(lines).toContainEqual(expect.objectContaining({ what: 'displayed', to: recipient.address }))
  })

  test('processed by the practice’s software (ANS)', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await delivered()
    const disposition = 'automatic-action/MDN-sent-automatically; processed'
    await report(recipient, buildMdn({ from: recipient.address, to: sender.address, messageId: sent.messageId, disposition }))
    expect(await receiptOf(sent)).toBe('displayed')
  })

  test.each<[string, string, string[]]>([
    ['in the disposition', 'processed/Error: 902^Patient inconnu', []],
    ['in a field of its own', 'processed/error', ['Error: 902^Patient inconnu']],
  ])('not processed, code 902 %s: arrived, and the ledger says why it went no further', async (_, type, fields) => {
    const { sender, recipient } = stage.world.accounts
    const sent = await delivered()
    const disposition = `automatic-action/MDN-sent-automatically; ${type}`
    await report(recipient, buildMdn({ from: recipient.address, to: sender.address, messageId: sent.messageId, disposition, fields }))
    expect(await receiptOf(sent)).toBe('delivered')
    const { lines } = (await stage.timeline('alpha', sent.id))!
    expect(lines).toContainEqual(
      expect.objectContaining({ detail: expect.objectContaining({ by: 'mdn', said: 'rejected', status: '902' }) }),
    )
  })

  test('a mailbox of the same operator is acknowledged in the same way', async () => {
    const { people, password, accounts } = stage.world
    const other = people.find(({ operator, address }) => operator === 'alpha' && address !== accounts.sender.address)!
    const colleague: Account = { operator: 'alpha', address: other.address, name: other.name, password }
    const sent = await send(accounts.sender, colleague)
    await stage.when('alpha', sent.id, ({ recipients }) => recipients[0]!.receipt === 'delivered')
    await report(
      colleague,
      buildMdn({ from: colleague.address, to: accounts.sender.address, messageId: sent.messageId, disposition: DISPLAYED }),
    )
    expect(await receiptOf(sent)).toBe('displayed')
  })
})

describe('what others say moves nothing', () => {
  test('another operator, with a good certificate and the right ids, acknowledges for a recipient that is not its own', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await delivered()
    const as = (from: string) => buildMdn({ from, to: sender.address, messageId: sent.messageId, disposition: DISPLAYED })
    await expect(handIn(as(recipient.address), sender.address)).rejects.toThrow('550 5.7.1') // From is of another operator's domain
    await handIn(as(`dr.exemple@${GAMMA}`), sender.address)
    expect(await receiptOf(sent)).toBe('delivered')
  })

  test('another operator says that the letter failed', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await delivered()
    const forged = buildDsn({
      kind: 'failed',
      reportingMta: `smtp.${GAMMA}`,
      from: `postmaster@${GAMMA}`,
      to: sender.address,
      envid: sent.timeline.message.envid,
      arrival: new Date(),
      recipients: [{ final: recipient.address, action: 'failed', status: '5.1.1', lastAttempt: new Date() }],
      originalHeader: Buffer.from(`Message-ID: ${sent.messageId}\r\n`),
      now: new Date(),
      newId: randomUUID,
    })
    await handIn(forged, sender.address)
    expect(await receiptOf(sent)).toBe('delivered')
  })

  test('a colleague of the sender says that somebody else has read it', async () => {
    const { people, password, accounts } = stage.world
    const other = people.find(({ operator, address }) => operator === 'alpha' && address !== accounts.sender.address)!
    const colleague: Account = { operator: 'alpha', address: other.address, name: other.name, password }
    const sent = await delivered()
    const { sender, recipient } = accounts
    const forged = {
      from: colleague.address,
      to: sender.address,
      final: recipient.address,
      messageId: sent.messageId,
      disposition: DISPLAYED,
    }
    await report(colleague, buildMdn(forged))
    expect(await receiptOf(sent)).toBe('delivered')
  })

  test('a colleague of the recipient says that the recipient has read it', async () => {
    const { sender, recipient, service } = stage.world.accounts
    const sent = await delivered()
    const forged = {
      from: service.address,
      to: sender.address,
      final: recipient.address,
      messageId: sent.messageId,
      disposition: DISPLAYED,
    }
    await report(service, buildMdn(forged))
    expect(await receiptOf(sent)).toBe('delivered')
  })

  test('a receipt for a message that nobody sent', async () => {
    const { sender, recipient } = stage.world.accounts
    const mdn = buildMdn({ from: recipient.address, to: sender.address, messageId: '<jamais@essai.example>', disposition: DISPLAYED })
    await report(recipient, mdn)
  })

  test('a report that answers nothing, from a machine outside the trusted space, is for the postmaster', async () => {
    const { sender } = stage.world.accounts
    await stage.quiet() // reports of the letters before
    const seen = (await stage.mailbox(sender.address)).length
    const free = buildDsn({
      kind: 'failed',
      reportingMta: 'machine.example',
      from: 'MAILER-DAEMON@machine.example',
      to: sender.address,
      envid: 'rien',
      arrival: new Date(),
      recipients: [{ final: 'personne@machine.example', action: 'failed', status: '5.1.1', lastAttempt: new Date() }],
      originalHeader: Buffer.from('Message-ID: <rien@machine.example>\r\n'),
      now: new Date(),
      newId: randomUUID,
    })
    await handIn(free, sender.address, `postmaster@${sender.address.split('@')[1]}`)
    expect(await stage.mailbox(sender.address)).toHaveLength(seen)
  })

  /** Hands a report in as the third operator, and waits until alpha has put it into a mailbox. */
  async function handIn(eml: Buffer, to: string, into = to): Promise<void> {
    const mark = `X-Essai: ${randomUUID()}\r\n`
    const { alpha } = stage.world.operators
    const shown: ConnectionOptions = {
      cert: gamma.certificatePem + chain,
      key: gamma.keyPem,
      ca: stage.world.shared.anchors.map(file => readFileSync(file)),
    }
    const dialogue = await Dialogue.open(alpha.ports.reception)
    await dialogue.reply()
    await dialogue.say('STARTTLS')
    await dialogue.secure({ ...shown, servername: 'smtp.alpha.mssante.example' })
    for (const line of [`EHLO smtp.${GAMMA}`, 'MAIL FROM:<>', `RCPT TO:<${to}>`, 'DATA']) expect(await dialogue.say(line)).toMatch(/^[23]/)
    await dialogue.write(Buffer.concat([Buffer.from(mark), eml, Buffer.from('.\r\n')]))
    expect(await dialogue.reply()).toMatch(/^250 /)
    await dialogue.quit()
    await until('the forged report arrives', async () => (await stage.mailbox(into)).some(mail => mail.includes(mark)))
  }
})

describe('NOTIFY (RFC 3461 §4.1)', () => {
  const aboutIt = async (account: Account, { messageId }: Sent) =>
    (await reportsIn(await stage.mailbox(account.address)))
      .filter(({ returned }) => returned.includes(messageId))
      .map(({ subject }) => subject)

  test('NEVER: nothing comes, and nothing is awaited', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await send(sender, recipient, 'NEVER')
    const { recipients } = await stage.settled('alpha', sent.id)
    expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'none' }])
    const after = await delivered()
    expect(await receiptOf(after)).toBe('delivered') // what was sent later is acknowledged already
    expect(await aboutIt(sender, sent)).toEqual([])
  })

  test('FAILURE: the ledger knows that it was delivered, the sender is not told', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await send(sender, recipient, 'FAILURE')
    const { recipients } = await stage.settled('alpha', sent.id)
    expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered' }])
    await delivered()
    expect(await aboutIt(sender, sent)).toEqual([])
  })

  test('SUCCESS: the sender is told', async () => {
    const { sender, recipient } = stage.world.accounts
    const sent = await send(sender, recipient, 'SUCCESS')
    await stage.when('alpha', sent.id, ({ lines }) => lines.some(({ what }) => what === 'acknowledged'))
    expect(await aboutIt(sender, sent)).toEqual(['Accusé de réception : message remis'])
  })
})
