import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../../config/paths.ts'
import { AddressFault, parseAddress, parseMailboxList } from '../../../gateway/address.ts'
import { CONTENT_LIMITS, ContentFault, ContentGuard } from '../../../gateway/content-guard.ts'
import { renderField } from '../../../gateway/header.ts'
import { REPORT_BYTES, readReport } from '../../../gateway/receipts/read-report.ts'
import { cpuClock } from '../../support/cpu-time.ts'

/** Each published weakness of the libraries' address and message parsers that a peer could turn against us, by its name. */

function addressesIn(text: string): string[] | string {
  try {
    return parseMailboxList(text).map(mailbox => mailbox.address)
  } catch (error) {
    if (error instanceof AddressFault) return `refused: ${error.reason}`
    throw error
  }
}

async function cost(action: () => unknown): Promise<number> {
  const spent = cpuClock()
  await action()
  return spent()
}

describe('nodemailer, addressparser: who is meant', () => {
  test('CVE-2025-13033, GHSA-mm7p-fcc7-pg87: an address inside a quoted local part is not the address', () => {
    expect(addressesIn('"xclow3n@gmail.com x"@internal.test')).toBe('refused: quoted')
    expect(addressesIn('"evil@evil.test" <dr@ok.mssante.test>')).toEqual(['dr@ok.mssante.test'])
  })

  test.each(['"evil@evil.test"(x)@ok.mssante.test', '"evil"(x)@evil.test@ok.mssante.test', '"a"(b)"c"@ok.mssante.test'])(
    'GHSA-g57g-f23g-4646: a comment beside a quoted local part, %s',
    text => {
      expect(addressesIn(text)).toMatch(/^refused: /)
    },
  )

  test.each([
    'dr@ok.mssante.test(x)evil.test',
    'dr@ok.mssante.test(x).evil.test',
    'dr(x)@evil.test',
    'dr@(x)evil.test',
    '<dr@ok.mssante.test(x)evil.test>',
  ])('GHSA-cc9r-2j5m-2m83: a comment joined to the domain: %s', text => {
    expect(addressesIn(text)).toMatch(/^refused: (?:comment|syntax)$/)
  })

  test.each([
    'dr@ok.mssante.test。evil.test',
    'dr@ok.mssante.test．evil.test',
    'dr@ok。mssante.test',
    'dr@evil.test／ok.mssante.test',
    'dr@ok.mssante.test\u00ad',
    'dr@ℴk.mssante.test',
    'dr@xn--ok-.mssante.test',
    'dr@xn--.mssante.test',
  ])('GHSA-wmmp-3585-3rmp: a domain that IDNA maps to another one: %s', text => {
    expect(addressesIn(text)).toMatch(/^refused: /)
  })

  test.each([
    '(a (b) evil@evil.com) dr@ok.mssante.fr',
    '(a (b) dr@ok.mssante.fr) evil@evil.com',
    'dr@ok.mssante.fr (a \\) evil@evil.com)',
    '((((((evil@evil.com)))))) <dr@ok.mssante.fr>',
    'evil@evil.com (x) <dr@ok.mssante.fr>',
    'Dr <(evil@evil.com) dr@ok.mssante.fr>',
  ])('nodemailer below 10.1.4, a forged From out of a nested comment: %s', text => {
    expect(addressesIn(text)).toMatch(/^refused: /)
  })

  test.each([
    '<@evil.com:dr@ok.mssante.fr>',
    'a: dr@ok.mssante.fr, evil@evil.com;',
    'dr@ok.mssante.fr <evil@evil.com>',
    'Dr evil@evil.com <dr@ok.mssante.fr>',
    '[ <dr@ok.mssante.fr>, evil@evil.com ]',
  ])('nodemailer below 10.1.4, a forged From out of obsolete forms: %s', text => {
    expect(addressesIn(text)).toMatch(/^refused: /)
  })

  test('CVE-2021-23400: no line end passes through an address or a rendered field', () => {
    expect(() => parseAddress('dr@ok.mssante.test>\r\nRCPT TO:<evil@evil.test')).toThrow(AddressFault)
    expect(addressesIn('"Dr\r\nBcc: evil@evil.test" <dr@ok.mssante.test>')).toBe('refused: characters')
    expect(() => renderField('To', 'dr@ok.mssante.test\r\nBcc: evil@evil.test')).toThrow(TypeError)
  })

  test('GHSA-268h-hp4c-crq3: no field that we add can carry another one', () => {
    expect(() => renderField('List-Help', '<https://a.test> (x\r\nBcc: evil@evil.test)')).toThrow(TypeError)
  })
})

describe('nodemailer, addressparser: how long it takes', () => {
  test.each([
    ['CVE-2025-14874, GHSA-rcmh-qjqh-p98v, GHSA-46j5-6fg5-4gv3: groups in groups', 'g:'.repeat(500_000)],
    ['GHSA-2x7j-588g-ccc2: a long list', `${'a@b.test,'.repeat(50_000)}a@b.test`],
    ['GHSA-2x7j-588g-ccc2: a long list with names', `${'"x" <a@b.test>,'.repeat(50_000)}a@b.test`],
    ['GHSA-v53p-9fqp-m79j: a long text to look for an address in', `${'a'.repeat(500_000)} `],
    ['GHSA-v53p-9fqp-m79j: many half addresses', 'a@'.repeat(250_000)],
    ['GHSA-v53p-9fqp-m79j: many dots', `${'a.'.repeat(250_000)}@b.test`],
    ['GHSA-prgh-xp8r-p3m5: many comments', `a${'(x)'.repeat(200_000)}@b.test`],
    ['GHSA-prgh-xp8r-p3m5: comments in comments', '('.repeat(500_000)],
    ['a quoted string that never ends', `"${'\\"'.repeat(250_000)}`],
    ['many words', `${'a '.repeat(250_000)}<a@b.test>`],
    ['many angle brackets', '<'.repeat(500_000)],
    ['many labels', `a@${'b.'.repeat(250_000)}test`],
  ])('%s', async (_, text) => {
    expect(await cost(() => addressesIn(text))).toBeLessThan(1_000)
  })
})

describe('mailparser', () => {
  const report = (part: string) =>
    Buffer.from(
      `From: a@b.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\r\n--b1\r\n${part}\r\n--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\nAction: failed\r\nStatus: 5.1.1\r\n--b1--\r\n`,
    )
  const lines = (text: string, bytes: number) => `${text}\r\n`.repeat(Math.floor(bytes / (text.length + 2)))

  test.each([
    ['nested HTML blocks that stall html-to-text', 'text/html', lines('<div>'.repeat(100), 480_000)],
    ['HTML tables that stall html-to-text', 'text/html', lines('<table><tr><td>'.repeat(40), 480_000)],
    ['CVE-2026-59887, GHSA-v245-v573-v5vm: mailto: without end (linkify-it)', 'text/plain', lines('mailto:'.repeat(100), 480_000)],
    ['GHSA-22p9-wv53-3rq4: links without end (linkify-it)', 'text/plain', lines('a.xn--a.xn--a.xn--a.xn--a.'.repeat(30), 480_000)],
  ])('%s: the report is read all the same, at once', async (_, type, body) => {
    const eml = report(`Content-Type: ${type}\r\n\r\n${body}`)
    expect(eml.length).toBeLessThan(REPORT_BYTES)
    let read: unknown
    expect(await cost(async () => (read = await readReport(eml)))).toBeLessThan(1_000)
    expect(read).toMatchObject({ kind: 'dsn', recipients: [{ action: 'failed' }] })
  })

  test('npm:mailparser:20180625, npm:mailsplit:20180625: millions of parts are refused before any parser sees them', async () => {
    const eml = Buffer.from(`From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n${'--b1\r\n\r\n'.repeat(2_000_000)}`)
    const guard = new ContentGuard(CONTENT_LIMITS)
    expect(await cost(() => guard.write(eml))).toBeLessThan(1_000)
    expect(() => guard.end()).toThrow(ContentFault)
    expect(guard.fault?.reason).toBe('tooManyParts')
    expect(await cost(async () => expect(await readReport(eml)).toBeUndefined())).toBeLessThan(1_000)
  })

  test('GHSA-2x7j-588g-ccc2 through mailparser: one long header line cannot reach it, nor a long header', async () => {
    const list = 'a@b.test,'.repeat(100)
    const long = Buffer.from(`From: a@b.test\r\n${`To: ${list}\r\n`.repeat(100)}\r\n`)
    expect(await cost(async () => expect(await readReport(long)).toBeUndefined())).toBeLessThan(1_000)
    const guard = new ContentGuard(CONTENT_LIMITS)
    guard.write(long)
    expect(guard.fault?.reason).toBe('headerTooLong')
  })

  test('GHSA-7gmj-h9xc-mcxc, XSS in the HTML made of a text: no word of the human part leaves the reader', async () => {
    const eml = report(`Content-Type: text/plain\r\n\r\nVisit: http://a.test?"onmouseover="alert('XSS')"`)
    expect(await readReport(eml)).toEqual({
      kind: 'dsn',
      reportingMta: 'x',
      recipients: [{ final: 'a@b.test', action: 'failed', status: '5.1.1' }],
    })
  })

  test('the forged From of an older nodemailer: mailparser runs with the very nodemailer that we run with', () => {
    const ours = createRequire(join(packageRoot, 'package.json'))
    const parsers = createRequire(ours.resolve('mailparser'))
    expect(dirname(parsers.resolve('nodemailer'))).toBe(dirname(ours.resolve('nodemailer')))
  })
})
