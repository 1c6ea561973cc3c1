import { createHash } from 'node:crypto'
import { simpleParser } from 'mailparser'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAudit, readCertificate } from '../../../crypto/index.ts'
import { openRecipientCertificates } from '../../../directory/index.ts'
import { proofOf } from '../../../gateway/proof.ts'
import type { Timeline } from '../../../gateway/timeline.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { enterCertificate } from '../../world/index.ts'
import { type Letter, sampleLetter } from '../../world/letter.ts'

/** Two of our operators. Only alpha knows the certificate of the other's domain, to begin with. */
const MOST_BYTES = 300_000
let stage: Stage
let letter: Letter
let timeline: Timeline

beforeAll(async () => {
  const limits = { messageBytes: MOST_BYTES }
  stage = await openStage({ extra: { alpha: { limits }, beta: { limits } } })
  const { accounts, operators } = stage.world
  await enterCertificate(operators.alpha.data, operators.beta.domain, operators.beta.keys.mail)
  letter = await sampleLetter({ sender: accounts.sender, recipient: accounts.recipient })
  const id = await stage.submit(accounts.sender, accounts.recipient.address, letter.eml)
  timeline = await stage.settled('alpha', id)
})
afterAll(() => stage[Symbol.asyncDispose]())

const sealed = { protection: 'signed-encrypted', encryptedTo: 'domain', cipher: 'aes-256-gcm' }
const ACKNOWLEDGEMENTS = { sql: "SELECT id FROM message WHERE origin = 'reception' AND report = 'delivery-status'", parameters: [] }
const line = ({ lines }: Timeline, kind: string) => lines.find(({ what }) => what === kind)?.detail

test('a referral is signed and encrypted on its way, acknowledged, and filed all the same', async () => {
  expect(line(timeline, 'relayed')).toMatchObject(sealed)
  expect(timeline.recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'filed' }])
})

test('the other gateway opens it: its reader has the letter, with its subject and its documents', async () => {
  const { recipient, sender } = stage.world.accounts
  const [mail, ...others] = await stage.mailbox(recipient.address)
  expect(others).toEqual([])
  const [read, written] = await Promise.all([simpleParser(mail!), simpleParser(letter.eml)])
  expect(read.subject).toBe(written.subject)
  expect(read.text).toBe(written.text)
  expect(read.attachments.map(({ filename, checksum }) => [filename, checksum])).toEqual(
    written.attachments.map(({ filename, checksum }) => [filename, checksum]),
  )
  expect(mail!.toString('latin1')).toMatch(/^Authentication-Results: [\s\S]*?smime=pass/m)
  expect(mail!.includes(sender.address)).toBe(true)
})

test('both ledgers and proofs have the same SHA-256 of what went from one to the other', async () => {
  const taken = (await stage.timeline('beta', timeline.message.header_message_id ?? ''))!
  const sent = line(timeline, 'relayed')?.sha256Sent
  expect(sent).toMatch(/^[0-9a-f]{64}$/)
  expect(line(taken, 'accepted')?.sha256Received).toBe(sent)
  const proof = (of: Timeline) => proofOf(of, { name: 'Essai', hostname: 'essai' }, new Date())
  expect(proof(taken).message.sha256Received).toBe(proof(timeline).recipients[0]?.relayed?.detail.sha256Sent)
  const [handedIn, wentOn] = [line(timeline, 'accepted')?.sha256Received, line(taken, 'accepted')?.sha256]
  expect(handedIn).toBe(createHash('sha256').update(letter.eml).digest('hex'))
  expect(new Set([sent, handedIn, wentOn]).size).toBe(3) // it was sealed on its way, and opened
})

test('and so have they of the acknowledgement that came back', async () => {
  const [made] = await (await stage.rows('beta')).run<{ id: string }>({
    sql: "SELECT id FROM message WHERE origin = 'report'",
    parameters: [],
  })
  const told = await stage.when('beta', made!.id, ({ recipients }) => recipients[0]?.relay === 'sent')
  const [came] = await (await stage.rows('alpha')).run<{ id: string }>(ACKNOWLEDGEMENTS)
  const taken = await stage.timeline('alpha', came!.id)
  expect(taken && line(taken, 'accepted')?.sha256Received).toBe(line(told, 'relayed')?.sha256Sent)
  expect(line(told, 'accepted')).not.toHaveProperty('sha256Received')
})

test('it learns the certificate of our domain from the signature, and encrypts its acknowledgement to us', async () => {
  const db = await stage.rows('beta')
  const { alpha } = stage.world.operators
  const known = await openRecipientCertificates(db, { now: Date.now, audit: openAudit(db, { now: Date.now }) }).list(alpha.domain)
  expect(known).toMatchObject([{ source: 'signed-mail' }])
  const [report] = await db.run<{ id: string }>({ sql: "SELECT id FROM message WHERE origin = 'report'", parameters: [] })
  const told = await stage.when('beta', report!.id, ({ recipients }) => recipients[0]?.relay === 'sent')
  expect(line(told, 'relayed')).toMatchObject({ ...sealed, certificate: known[0]?.fingerprint })
  expect(known[0]?.fingerprint).toBe(readCertificate(known[0]!.pem).fingerprint256)
})

test('the spool keeps what the author wrote, not what was sent', async () => {
  const accepted = line(timeline, 'accepted')
  expect(accepted?.bytes).toBe(String(timeline.message.size))
  expect(timeline.message.size).toBeLessThan(letter.eml.length * 1.1) // sealed, it is a third larger
})

test('the ledgers of both say what was opened, and who had signed it', async () => {
  const opened = (by: string) => ({ opened: 'aes-256-gcm', signedBy: expect.stringContaining(by), smime: 'pass' })
  const taken = await stage.timeline('beta', timeline.message.header_message_id ?? '')
  expect(taken && line(taken, 'accepted')).toMatchObject(opened('OPERATEUR ALPHA'))
  const [report] = await (await stage.rows('alpha')).run<{ id: string }>(ACKNOWLEDGEMENTS)
  const told = await stage.timeline('alpha', report!.id)
  expect(told && line(told, 'accepted')).toMatchObject(opened('OPERATEUR BETA'))
})

test('the largest letter that one takes arrives at the other, though it grows on its way', async () => {
  const { sender, recipient } = stage.world.accounts
  const head = `From: <${sender.address}>\r\nSubject: essai\r\n\r\n`
  const line = `${'a'.repeat(70)}\r\n`
  const text = line.repeat(Math.floor((MOST_BYTES - head.length) / line.length))
  const id = await stage.submit(sender, recipient.address, Buffer.from(head + text))
  const { recipients, lines } = await stage.settled('alpha', id)
  expect(recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered' }])
  expect(lines.find(({ what }) => what === 'relayed')?.detail).toMatchObject(sealed)
  const heavier = stage.submit(sender, recipient.address, Buffer.from(head + text + line))
  await expect(heavier).rejects.toMatchObject({ responseCode: 552 })
})
