import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { afterAll, describe, expect, test } from 'vitest'
import { isReport, readHeader } from '../../../gateway/header.ts'
import { buildDsn, type DsnRequest } from '../../../gateway/receipts/dsn.ts'
import { readDsn } from '../../../gateway/receipts/dsn-read.ts'
import { readReport } from '../../../gateway/receipts/read-report.ts'
import { openReportReader } from '../../../gateway/receipts/report-reader.ts'
import { WORDS } from '../../../gateway/receipts/words.ts'
import { decodeXtext, encodeXtext } from '../../../gateway/receipts/xtext.ts'

const header = Buffer.from(
  'From: dr.martin@a.mssante.test\r\nTo: dr.durand@b.mssante.test\r\nMessage-ID: <un@a.mssante.test>\r\nSubject: essai\r\n\r\n',
)

function request(change: Partial<DsnRequest> = {}): DsnRequest {
  let id = 0
  return {
    kind: 'failed',
    reportingMta: 'mta.a.mssante.test',
    from: 'postmaster@a.mssante.test',
    to: 'dr.martin@a.mssante.test',
    envid: 'QQ314159',
    arrival: new Date('2026-11-22T08:00:00Z'),
    recipients: [
      {
        final: 'dr.durand@b.mssante.test',
        original: 'rfc822;Dr.Durand@B.mssante.test',
        action: 'failed',
        status: '5.1.1',
        diagnostic: '550 5.1.1 No such user here',
        remoteMta: 'mta.b.mssante.test',
        lastAttempt: new Date('2026-11-22T08:00:01Z'),
      },
    ],
    originalHeader: header,
    now: new Date('2026-11-22T08:00:02Z'),
    newId: () => `id${++id}`,
    ...change,
  }
}

test('a failure is a report of RFC 3464, word for word', () => {
  const text = buildDsn(request()).toString()
  expect(text).toContain(
    [
      'From: "Suivi des messages" <postmaster@a.mssante.test>',
      'To: <dr.martin@a.mssante.test>',
      'Subject: Message non remis',
      'Date: Sun, 22 Nov 2026 08:00:02 +0000',
      'Message-ID: <id2@a.mssante.test>',
      'In-Reply-To: <un@a.mssante.test>',
      'References: <un@a.mssante.test>',
      'Auto-Submitted: auto-replied',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=delivery-status; boundary="=_id1"',
      '',
      '--=_id1',
      '',
    ].join('\r\n'),
  )
  expect(text).toContain(
    [
      'Content-Type: message/delivery-status',
      '',
      'Original-Envelope-Id: QQ314159',
      'Reporting-MTA: dns; mta.a.mssante.test',
      'Arrival-Date: Sun, 22 Nov 2026 08:00:00 +0000',
      '',
      'Original-Recipient: rfc822;Dr.Durand@B.mssante.test',
      'Final-Recipient: rfc822; dr.durand@b.mssante.test',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; mta.b.mssante.test',
      'Diagnostic-Code: smtp; 550 5.1.1 No such user here',
      'Last-Attempt-Date: Sun, 22 Nov 2026 08:00:01 +0000',
      '',
      '--=_id1',
      '',
    ].join('\r\n'),
  )
  expect(text).toContain('Content-Type: text/rfc822-headers\r\n')
  expect(text.endsWith('--=_id1--\r\n')).toBe(true)
  expect(isReport(readHeader(Buffer.from(text)))).toBe('delivery-status')
})

test.each(Object.keys(WORDS) as (keyof typeof WORDS)[])(
  '%s: the sender reads French with its accents, in an ASCII message of short lines',
  async kind => {
    const recipient = {
      final: 'dr.durand@b.mssante.test',
      action: 'delayed',
      status: '4.4.1',
      willRetryUntil: new Date('2026-12-27T08:00:00Z'),
    } as const
    const eml = buildDsn(request({ kind, recipients: [recipient, { ...recipient, final: 'dr.petit@b.mssante.test' }] }))
    expect(eml.toString('latin1')).toMatch(/^[\r\n\t -~]*$/)
    expect(eml.toString('latin1')).not.toMatch(/(?<!\r)\n|\r(?!\n)|[^\r\n]{79}/)
    const mail = await simpleParser(eml, { keepDeliveryStatus: true })
    expect(mail.subject).toBe(WORDS[kind].subject)
    expect(mail.text).toContain(WORDS[kind].opening(true))
    expect(mail.text).toContain(WORDS[kind].closing)
    expect(mail.text).toContain('- dr.durand@b.mssante.test\n')
    expect(mail.text).toContain('Message confié le 22 novembre 2026 à 09:00 (heure de Paris).')
    expect(mail.text?.includes('Essais jusqu’au 27 décembre 2026 à 09:00.')).toBe(kind === 'delayed')
    expect(mail.text?.includes('injoignable')).toBe(kind === 'delayed' || kind === 'failed')
  },
)

test('RET=FULL gives the whole message back, byte for byte, as 8bit when it needs to be', async () => {
  for (const [body, encoding] of [
    ['texte', '7bit'],
    ['été', '8bit'],
  ] as const) {
    const original = Buffer.concat([header, Buffer.from(`${body}\r\n`)])
    const eml = buildDsn(request({ original }))
    expect(eml.includes(Buffer.concat([Buffer.from(`message/rfc822\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`), original]))).toBe(
      true,
    )
    expect(eml.includes('Content-Transfer-Encoding: 8bit\r\n\r\n--=_id1\r\n')).toBe(encoding === '8bit')
    expect(await readReport(eml)).toMatchObject({ headerMessageId: '<un@a.mssante.test>' })
  }
})

test('raw UTF-8 in the header is given back encoded', async () => {
  const eml = buildDsn(request({ originalHeader: Buffer.from('Message-ID: <un@a.test>\r\nSubject: été\r\n\r\n') }))
  expect(eml.toString('latin1')).toMatch(/^[\r\n -~]*$/)
  expect(eml.toString()).toContain('Subject: =C3=A9t=C3=A9')
  expect(await readReport(eml)).toMatchObject({ headerMessageId: '<un@a.test>' })
})

test('a header that cannot be read still gives a report', () => {
  expect(buildDsn(request({ originalHeader: Buffer.from('no header at all\r\n') })).toString()).not.toContain('In-Reply-To')
})

test('no word of a peer or of a client can add a line to a report', () => {
  const nasty = 'a\r\n\r\nFinal-Recipient: rfc822; x@y.test\r\nAction: delivered\0\u2028é'
  const [first] = request().recipients
  const eml = buildDsn(
    request({ envid: nasty, recipients: [{ ...first!, diagnostic: nasty, remoteMta: nasty, original: nasty }] }),
  ).toString()
  expect(eml.match(/^Action:/gm)).toHaveLength(1)
  expect(eml.match(/^Final-Recipient:/gm)).toHaveLength(1)
})

describe('what is built is read back', () => {
  const reader = openReportReader({ threads: 1 })
  afterAll(() => reader.close())

  test('in a thread', async () => {
    expect(await reader.read(buildDsn(request()))).toEqual({
      kind: 'dsn',
      envid: 'QQ314159',
      reportingMta: 'mta.a.mssante.test',
      headerMessageId: '<un@a.mssante.test>',
      recipients: [
        {
          original: 'dr.durand@b.mssante.test',
          final: 'dr.durand@b.mssante.test',
          action: 'failed',
          status: '5.1.1',
          diagnostic: '550 5.1.1 No such user here',
          remoteMta: 'mta.b.mssante.test',
        },
      ],
    })
  })

  test('with an address beyond ASCII', async () => {
    const recipient = { final: 'hélène@b.mssante.test', action: 'delivered', status: '2.1.5' } as const
    const eml = buildDsn(request({ kind: 'delivered', recipients: [recipient] }))
    expect(eml.toString()).toContain('Final-Recipient: utf-8; h\\x{E9}l\\x{E8}ne@b.mssante.test')
    expect(await readReport(eml)).toMatchObject({ recipients: [recipient] })
  })

  test('for a thousand recipients', async () => {
    const recipients = Array.from(
      { length: 1000 },
      (_, index) => ({ final: `bal${index}@b.mssante.test`, action: 'delivered', status: '2.1.5' }) as const,
    )
    expect(await reader.read(buildDsn(request({ kind: 'delivered', recipients })))).toMatchObject({ recipients })
  })

  test('a message that is no report, or a broken one, is no report', async () => {
    const head = 'From: a@b.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\r\n--b1\r\n'
    for (const text of [
      'From: a@b.test\r\n\r\nx\r\n',
      `${head}Content-Type: text/plain\r\n\r\nx\r\n--b1--\r\n`,
      `${head}Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\n--b1--\r\n`,
      `${head}Content-Type: message/delivery-status\r\n\r\n\r\n--b1--\r\n`,
      `${'Content-Type: message/rfc822\r\n\r\n'.repeat(1000)}X: y\r\n`,
      'no header\r\n',
      '',
    ]) {
      expect(await reader.read(Buffer.from(text))).toBeUndefined()
    }
  })
})

describe('reports as other servers write them', () => {
  test('one block for everything, LF, odd blanks, comments', () => {
    expect(
      readDsn(
        'Reporting-MTA:dns;mx.test\nOriginal-Envelope-Id:\tE1\nFinal-Recipient:RFC822;<Dr.X@B.test>\nAction: Failed (bad address)\nStatus: 5.1.1 (no user)\n',
      ),
    ).toEqual({
      kind: 'dsn',
      envid: 'E1',
      reportingMta: 'mx.test',
      recipients: [{ final: 'dr.x@b.test', action: 'failed', status: '5.1.1' }],
    })
  })

  test('several recipients, folded diagnostics, one without action', () => {
    const text = [
      'Reporting-MTA: dns; mx.test',
      '',
      'Final-Recipient: rfc822; a@b.test',
      'Action: failed',
      'Status: 5.2.2',
      'Diagnostic-Code: smtp; 552-5.2.2 Mailbox',
      '    552 5.2.2 full',
      '',
      'Final-Recipient: rfc822; c@b.test',
      '',
      'Original-Recipient: rfc822;E@B.test',
      'Final-Recipient: rfc822; f@b.test',
      'Action: relayed',
      'Status: nonsense',
      '',
    ].join('\r\n')
    expect(readDsn(text)?.recipients).toEqual([
      { final: 'a@b.test', action: 'failed', status: '5.2.2', diagnostic: '552-5.2.2 Mailbox 552 5.2.2 full' },
      { original: 'e@b.test', final: 'f@b.test', action: 'relayed', status: '2.0.0' },
    ])
  })

  test('any text is read without a throw, in linear time', () => {
    fc.assert(fc.property(fc.string(), text => void readDsn(text)))
    expect(readDsn(`a: b\n${' \n'.repeat(100_000)}`)).toBeUndefined()
  })
})

test('xtext: what is encoded is decoded, and nothing else is read', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{0,50}$/), text => {
      expect(encodeXtext(text)).toMatch(/^[!-~]*$/)
      expect(decodeXtext(encodeXtext(text))).toBe(text)
    }),
  )
  expect(encodeXtext('a+b=c d')).toBe('a+2Bb+3Dc+20d')
  for (const bad of ['a b', 'a=b', 'a+2', 'a+2b', 'a+0D+0A', 'a+00', 'é', 'a+E9']) expect(decodeXtext(bad)).toBeUndefined()
  expect(() => encodeXtext('é')).toThrow(RangeError)
})
