import { readdir } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { layout } from '../../../gateway/data.ts'
import type { Timeline } from '../../../gateway/timeline.ts'
import { withoutTrace } from '../../support/maildir.ts'
import { waitsDuring } from '../../support/probe.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { Submission } from '../../support/submission.ts'
import { until } from '../../support/until.ts'
import type { MailPart } from '../../world/letter.ts'
import {
  cda,
  letterWith,
  manyParts,
  nested,
  xmlPart,
  xmlThatReadsAFile,
  xmlWithEntities,
  zipBomb,
  zipPart,
  zipThatEscapes,
} from './letters.ts'

const MEGABYTE = 1024 * 1024
const TLS: ConnectionOptions = { rejectUnauthorized: false }

let stage: Stage
let from: string
let to: string
let port: number

beforeAll(async () => {
  stage = await openStage()
  from = stage.world.accounts.sender.address
  to = stage.world.accounts.recipient.address
  port = stage.world.operators.alpha.ports.submissions
})
afterAll(() => stage[Symbol.asyncDispose]())

const connect = () => Submission.open(port, stage.world.accounts.sender, TLS)
const letter = (body: string | Buffer, fields = '') => Buffer.concat([Buffer.from(`From: <${from}>\r\n${fields}\r\n`), Buffer.from(body)])

describe('a content that is refused at the door, in one sentence', () => {
  const BARE_LF = '550 5.5.2 The message holds a bare LF: lines end with CR LF (RFC 5321 section 2.3.8)'
  const BARE_CR = '550 5.5.2 The message holds a bare CR: lines end with CR LF (RFC 5321 section 2.3.8)'
  test.each<[string, () => Buffer, string]>([
    ['a bare LF in the body', () => letter('a\nb\r\n'), BARE_LF],
    ['a bare LF in the header', () => letter('a\r\n', 'Subject: x\nBcc: y\r\n'), BARE_LF],
    ['a bare CR in the body', () => letter('a\rb\r\n'), BARE_CR],
    ['a bare CR in the header', () => letter('a\r\n', 'Subject: x\ry\r\n'), BARE_CR],
    ['a bare CR at the end', () => letter('a\r\n\r'), BARE_CR],
    ['a NUL', () => letter('a\0b\r\n'), '550 5.6.0 The message holds a NUL octet (RFC 5322 section 2.2)'],
    [
      'a long line',
      () => letter(`${'x'.repeat(999)}\r\n`),
      '550 5.6.0 The message holds a line longer than 998 octets (RFC 5322 section 2.1.1)',
    ],
    [
      'a line without end',
      () => letter(`${'x'.repeat(MEGABYTE)}\r\n`),
      '550 5.6.0 The message holds a line longer than 998 octets (RFC 5322 section 2.1.1)',
    ],
    [
      'a long header line',
      () => letter('a\r\n', `Subject: ${'x'.repeat(1_000)}\r\n`),
      '550 5.6.0 A header line is too long (RFC 5322 section 2.1.1)',
    ],
    [
      'a long header',
      () => letter('a\r\n', `X-A: ${'x'.repeat(900)}\r\n`.repeat(80)),
      '550 5.6.0 The header, or the header of a part, is too long',
    ],
    [
      'a header of 501 fields',
      () => letter('a\r\n', 'X-A: b\r\n'.repeat(500)),
      '550 5.6.0 The header, or the header of a part, has too many fields',
    ],
    ['no header', () => Buffer.from('\r\nBonjour\r\n'), '550 5.6.0 The message has no header (RFC 5322 section 3.6)'],
    ['no message', () => Buffer.from('\r\n'), '550 5.6.0 The message has no header (RFC 5322 section 3.6)'],
    ['fifty multiparts one in the other', () => nested(from, 50), '550 5.6.0 The parts of the message are nested too deep'],
    ['10,000 parts', () => manyParts(from, 10_000), '550 5.6.0 The message has too many parts'],
    [
      'more than the announced size',
      () => letter(`${'x'.repeat(70)}\r\n`.repeat(370_000)),
      '552 5.3.4 The message is larger than this system accepts',
    ],
    [
      '26 hops',
      () => letter('a\r\n', 'Received: by x with y; Thu, 1 Jan 2026 00:00:00 +0000\r\n'.repeat(26)),
      '554 5.4.6 Too many hops: the message goes round in a loop',
    ],
  ])('%s', async (_, build, reply) => {
    const before = await kept()
    const submission = await connect()
    expect(await submission.send(to, build())).toBe(reply)
    // The same connection goes on, and nothing was kept.
    expect(await submission.dialogue.say('NOOP')).toBe('250 2.0.0 OK')
    await submission.dialogue.quit()
    expect(await kept()).toEqual(before)
  })
})

describe('smuggling (CVE-2023-51764, -51765, -51766): only CR LF . CR LF ends a message', () => {
  const ends = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r.\r\n', '\r\n.\r', '\n\n.\r\n', '\r\n\0.\r\n', '\r\n.\0\r\n', '\r\n.\r\r\n']
  test.each(ends.map(end => [JSON.stringify(end), end]))('%s', async (_, end) => {
    const smuggled = `MAIL FROM:<admin@alpha.mssante.example>\r\nRCPT TO:<${to}>\r\nDATA\r\nFrom: <admin@alpha.mssante.example>\r\n\r\nfaux\r\n.\r\n`
    const text = `From: <${from}>\r\n\r\nvrai${end}${smuggled}`
    const before = await kept()
    const client = await connect()
    // Whole, then cut at each octet of the false end, each piece a TLS record of its own.
    const at = text.indexOf(end, text.indexOf('vrai'))
    const cuts = [
      [],
      ...Array.from({ length: end.length + 1 }, (_, index) => [at + index]),
      Array.from({ length: end.length + 1 }, (_, index) => at + index),
    ]
    for (const cut of cuts) {
      await client.begin(to)
      let start = 0
      for (const position of [...cut, text.length]) {
        await client.dialogue.write(text.slice(start, position))
        start = position
      }
      expect(await client.dialogue.reply()).toMatch(/^550 5\.(?:5\.2|6\.0) The message holds a (?:bare (?:CR|LF)|NUL)/)
      // One reply, to one message: nothing of it was a command.
      expect(await client.dialogue.say('NOOP')).toBe('250 2.0.0 OK')
    }
    await client.dialogue.quit()
    expect(await kept()).toEqual(before)
  })

  test('the same octets are the same message however they are cut', async () => {
    const client = await connect()
    const message = letter('.\r\n..\r\n...\r\n.a\r\n\r\n.\r\n\r\nfin .\r\n', 'Subject: points\r\n')
    const wire = Buffer.from(
      `${message
        .toString()
        .replace(/(^|\r\n)\./g, '$1..')
        .replace(/\r\n\.\r\n/g, '\r\n..\r\n')}.\r\n`,
    )
    const ids: string[] = []
    for (const size of [1, 2, 3, 5, wire.length]) {
      await client.begin(to)
      for (let start = 0; start < wire.length; start += size) await client.dialogue.write(wire.subarray(start, start + size))
      const reply = await client.dialogue.reply()
      expect(reply).toMatch(/^250 2\.0\.0 Accepted as /)
      ids.push(reply.split(' ').at(-1)!)
    }
    await client.dialogue.quit()
    const delivered = await until('all delivered', async () => {
      const mail = (await stage.mailbox(to)).map(each => withoutTrace(each).original.toString())
      const points = mail.filter(each => each.includes('Subject: points'))
      return points.length === ids.length && points
    })
    const body = message.subarray(message.indexOf('\r\n\r\n')).toString()
    expect(delivered.map(each => each.slice(each.indexOf('\r\n\r\n')))).toEqual(ids.map(() => body))
  })
})

test('a connection that is cut in the middle of DATA leaves nothing', async () => {
  await stage.quiet() // what is under way has files as well
  const before = await kept()
  const client = await connect()
  await client.begin(to)
  await client.dialogue.write(letter(`${'x'.repeat(70)}\r\n`.repeat(10_000)))
  await until('the file was begun', async () => (await kept()).orphans > before.orphans)
  client.dialogue.cut()
  await until('the file is gone', async () => (await kept()).orphans === before.orphans)
  expect(await kept()).toEqual(before)
})

test('a thousand recipients that nobody knows get a thousand answers', async () => {
  const { dialogue } = await connect()
  await dialogue.say(`MAIL FROM:<${from}>`)
  await dialogue.write(Array.from({ length: 1_000 }, (_, index) => `RCPT TO:<nobody${index}@beta.mssante.example>\r\n`).join(''))
  const replies = new Set<string>()
  for (let count = 0; count < 1_000; count += 1) replies.add(await dialogue.reply())
  expect([...replies]).toEqual(['550 5.1.1 Recipient is not in the directory'])
  expect(await dialogue.say('DATA')).toMatch(/^503 /)
  await dialogue.quit()
})

test('8-bit junk is carried as it is, when it is no header', async () => {
  const client = await connect()
  const junk = Buffer.from(Array.from({ length: 4_000 }, (_, index) => 0x80 + (index % 0x80)))
  const lines = Array.from({ length: 5 }, (_, index) => Buffer.concat([junk.subarray(index * 800, index * 800 + 800), Buffer.from('\r\n')]))
  const message = letter(Buffer.concat(lines), `Message-ID: <junk@alpha.mssante.example>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n`)
  const id = (await client.send(to, message)).split(' ').at(-1)!
  expect(await client.send(to, letter('a\r\n', 'Subject: \xe9\xff\r\n'))).toMatch(/^(?:250|550 5\.6\.0) /)
  await client.dialogue.quit()
  expect((await stage.settled('alpha', id)).recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'none' }])
  const mail = (await stage.mailbox(to)).map(each => withoutTrace(each).original)
  expect(mail.some(each => each.equals(message))).toBe(true)
})

describe('a document that hides something is held with its reason; its letter is delivered all the same', () => {
  test.each<[string, () => Promise<MailPart> | MailPart, string]>([
    ['a CDA without INS', () => xmlPart(cda({ ins: '' })), 'no-ins'],
    ['a zip bomb', async () => zipPart(await zipBomb()), 'zip-bomb'],
    ['a zip that leaves its folder', async () => zipPart(await zipThatEscapes()), 'zip-path-escape'],
    ['a zip that was cut', async () => zipPart((await zipThatEscapes()).subarray(0, 2_000)), 'zip-malformed'],
    ['XML that unfolds', () => xmlPart(xmlWithEntities()), 'xml-dtd'],
    ['XML that names a file', () => xmlPart(xmlThatReadsAFile()), 'xml-dtd'],
  ])('%s', async (_, part, reason) => {
    const timeline = await sent(letterWith(from, to, [await part()]))
    expect(timeline.recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'held' }])
    expect(timeline.filings).toMatchObject([{ state: 'held', reasons: [reason] }])
    const { lines } = await stage.when('alpha', timeline.message.id, told => told.lines.some(({ what }) => what === 'held'))
    expect(lines).toContainEqual(expect.objectContaining({ what: 'held', detail: expect.objectContaining({ reasons: reason }) }))
  })

  test('what only calls itself a zip', async () => {
    const timeline = await sent(letterWith(from, to, [zipPart(Buffer.alloc(5_000, 'junk'))]))
    expect(timeline.recipients).toMatchObject([{ relay: 'sent', receipt: 'delivered', filing: 'held' }])
    expect(timeline.filings[0]?.reasons).toContain('zip-malformed')
  })

  test('nothing of it reached the DMP', () => {
    expect(stage.world.dmp.filed).toEqual([])
  })
})

/**
 * A dialogue waits 50 ms at most for another's message. The machine that runs this may be busy with other things, so the middle and the ninetieth
 * hundredth of many probes are held against the limit (the latter with three times the room), not the worst one.
 */
describe('while a message is being worked on, another client’s NOOP and MAIL are answered', () => {
  const whole = (line: string, size: number) => line.repeat(Math.floor(size / line.length))
  test.each<[string, () => Buffer]>([
    ['20 MB of empty lines', () => letter(whole('\r\n', 20 * MEGABYTE))],
    [
      '20 MB of lines that look like boundaries',
      () => letter(whole('--b\r\n', 20 * MEGABYTE), 'Content-Type: multipart/mixed; boundary=bb\r\n'),
    ],
    ['20 MB of a zip', () => letterWith(from, to, [zipPart(Buffer.alloc(14 * MEGABYTE, 'zip'))])],
    ['1 MB of dots, which the library takes three octets at a time', () => letter(whole('.\r\n', MEGABYTE))],
    [
      'HTML that stalls a parser',
      () => letter(whole('<div>', 600_000).replace(/.{900}/g, '$&\r\n'), 'Content-Type: text/html; name="document.xml"\r\n'),
    ],
    [
      'a CDA of a million elements',
      () => letterWith(from, to, [xmlPart(cda().replace('<title>', `${whole('<a><b/></a>\n', 8 * MEGABYTE)}<title>`))]),
    ],
  ])(
    '%s',
    async (_, build) => {
      const client = await connect()
      const message = build()
      const waits = await waitsDuring(port, stage.world.accounts.sender, async () => {
        const reply = await client.send(to, message)
        expect(reply).toMatch(/^(?:250 2\.0\.0 Accepted as|550) /)
        if (reply.startsWith('250')) await stage.settled('alpha', reply.split(' ').at(-1)!, 60_000)
      })
      await client.dialogue.quit()
      expect(waits.count).toBeGreaterThan(10)
      expect(waits.median).toBeLessThan(50)
      expect(waits.p90).toBeLessThan(150)
    },
    120_000,
  )
})

test('a report that stalls a parser delays no dialogue of the operator that reads it', async () => {
  const { sender, recipient } = stage.world.accounts
  const html = `${'<div>'.repeat(180)}\r\n`.repeat(600)
  const mark = 'X-Essai: un rapport'
  const report = `From: <${to}>\r\n${mark}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${html}--b--\r\n`
  const waits = await waitsDuring(port, sender, async () => {
    await stage.submit(recipient, from, Buffer.from(report), { from: '' })
    await until('the report is delivered', async () => (await stage.mailbox(from)).some(mail => mail.includes(mark)))
  })
  expect(waits.median).toBeLessThan(50)
  expect(waits.p90).toBeLessThan(150)
})

/** @returns its timeline at the end */
async function sent(message: Buffer): Promise<Timeline> {
  const client = await connect()
  const reply = await client.send(to, message)
  await client.dialogue.quit()
  expect(reply).toMatch(/^250 2\.0\.0 Accepted as /)
  return stage.settled('alpha', reply.split(' ').at(-1)!)
}

/** What the submitting operator keeps: submissions, and files that belong to none. */
async function kept(): Promise<{ submissions: number; orphans: number }> {
  const { alpha } = stage.world.operators
  const names = await readdir(layout(alpha.data).messages)
  const db = await stage.rows('alpha')
  const rows = await db.run<{ id: string; origin: string }>({ sql: 'SELECT id, origin FROM message', parameters: [] })
  const known = new Set(rows.map(({ id }) => id))
  return {
    submissions: rows.filter(({ origin }) => origin === 'submission').length,
    orphans: names.filter(name => !known.has(name)).length,
  }
}
