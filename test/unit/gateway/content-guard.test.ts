import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CONTENT_FAULTS,
  CONTENT_LIMITS,
  ContentFault,
  ContentGuard,
  type ContentLimits,
  type ContentSummary,
} from '../../../gateway/content-guard.ts'
import { cpuClock } from '../../support/cpu-time.ts'

function guard(text: string | Buffer, limits: Partial<ContentLimits> = {}, chunk = Number.POSITIVE_INFINITY): ContentSummary {
  const bytes = Buffer.from(text as string)
  const guarded = new ContentGuard({ ...CONTENT_LIMITS, ...limits })
  for (let at = 0; at < bytes.length; at += chunk) guarded.write(bytes.subarray(at, Math.min(bytes.length, at + chunk)))
  return guarded.end()
}

/** The fault's name, or `accepted`; the same however the message is cut into chunks. */
function verdict(text: string | Buffer, limits: Partial<ContentLimits> = {}): string {
  const verdicts = [Number.POSITIVE_INFINITY, 1, 2, 3, 7, 64].map(chunk => {
    try {
      guard(text, limits, chunk)
      return 'accepted'
    } catch (error) {
      if (error instanceof ContentFault) return error.reason
      throw error
    }
  })
  expect(new Set(verdicts).size).toBe(1)
  return verdicts[0]!
}

const head = 'From: dr@a.test\r\nSubject: x\r\n'
const mixed = `${head}Content-Type: multipart/mixed; boundary="b1"\r\n\r\n`
const part = (type: string, body = 'text\r\n') => `--b1\r\nContent-Type: ${type}\r\n\r\n${body}`

describe('line ends', () => {
  test.each([
    ['a bare LF in the body', `${head}\r\nfirst\nsecond\r\n`, 'bareLf'],
    ['a bare LF in the header', 'From: dr@a.test\nBcc: x\r\n\r\n', 'bareLf'],
    ['a bare CR in the body', `${head}\r\nfirst\rsecond\r\n`, 'bareCr'],
    ['a bare CR in the header', 'From: dr@a.test\rBcc: x\r\n\r\n', 'bareCr'],
    ['CR CR LF', `${head}\r\nfirst\r\r\n`, 'bareCr'],
    ['LF CR', `${head}\r\nfirst\n\r`, 'bareLf'],
    ['a bare CR as last octet', `${head}\r\nfirst\r`, 'bareCr'],
    ['LF . CR LF (SMTP smuggling)', `${head}\r\nfirst\n.\r\nMAIL FROM:<x@y.test>\r\n`, 'bareLf'],
    ['CR . CR LF (SMTP smuggling)', `${head}\r\nfirst\r.\r\nMAIL FROM:<x@y.test>\r\n`, 'bareCr'],
    ['LF . LF (SMTP smuggling)', `${head}\r\nfirst\n.\nMAIL FROM:<x@y.test>\r\n`, 'bareLf'],
    ['CR LF . CR (SMTP smuggling)', `${head}\r\nfirst\r\n.\rMAIL FROM:<x@y.test>\r\n`, 'bareCr'],
    ['CR NUL LF', `${head}\r\nfirst\r\0\n`, 'bareCr'],
    ['a NUL', `${head}\r\nfir\0st\r\n`, 'nul'],
    ['an ordinary message', `${head}\r\nfirst\r\n\r\n\tsecond\x0c\x1b\r\n`, 'accepted'],
    ['a message whose last line has no end', `${head}\r\nfirst`, 'accepted'],
  ])('%s', (_, text, expected) => {
    expect(verdict(text)).toBe(expected)
  })

  test('CR LF survives every cut, and any octet after CR but LF does not', () => {
    for (let octet = 0; octet < 256; octet += 1) {
      const text = Buffer.concat([Buffer.from(`${head}\r\na\r`), Buffer.from([octet]), Buffer.from('b\r\n')])
      expect(verdict(text)).toBe(octet === 10 ? 'accepted' : 'bareCr')
    }
  })
})

describe('sizes', () => {
  const line = (length: number) => `${head}\r\n${'x'.repeat(length)}\r\n`
  test.each([
    ['998 octets in a line', line(998), {}, 'accepted'],
    ['999 octets in a line', line(999), {}, 'lineTooLong'],
    ['a line that never ends', `${head}\r\n${'x'.repeat(5000)}`, {}, 'lineTooLong'],
    ['998 octets in a header line', `X: ${'x'.repeat(995)}\r\n\r\n`, {}, 'accepted'],
    ['999 octets in a header line', `X: ${'x'.repeat(996)}\r\n\r\n`, {}, 'headerLineTooLong'],
    ['a header line that never ends', 'x'.repeat(5000), {}, 'headerLineTooLong'],
    ['a header at its limit', 'X: 23456\r\n\r\n', { headerBytes: 10 }, 'accepted'],
    ['a header over its limit', 'X: 234567\r\n\r\n', { headerBytes: 10 }, 'headerTooLong'],
    ['fields at their limit', 'A: 1\r\nB: 2\r\n 3\r\n\r\n', { headerFields: 2 }, 'accepted'],
    ['one field too many', 'A: 1\r\nB: 2\r\nC: 3\r\n\r\n', { headerFields: 2 }, 'tooManyFields'],
    ['too many fields in a part', `${mixed}--b1\r\n${'X: 1\r\n'.repeat(501)}\r\n`, {}, 'tooManyFields'],
    ['too long a header in a part', `${mixed}--b1\r\nX: 1\r\n${`\t${'x'.repeat(900)}\r\n`.repeat(80)}\r\n`, {}, 'headerTooLong'],
    ['the size at its limit', `${head}\r\n`, { size: head.length + 2 }, 'accepted'],
    ['one octet too many', `${head}\r\n.`, { size: head.length + 2 }, 'tooBig'],
  ])('%s', (_, text, limits, expected) => {
    expect(verdict(text, limits)).toBe(expected)
  })
})

describe('headers', () => {
  test.each([
    ['nothing at all', '', 'noHeader'],
    ['an empty line first', '\r\nbody\r\n', 'noHeader'],
    ['no colon', 'From dr@a.test Sun Nov 22\r\n\r\n', 'headerMalformed'],
    ['a blank before the colon', 'Subject : x\r\n\r\n', 'headerMalformed'],
    ['an empty name', ': x\r\n\r\n', 'headerMalformed'],
    ['8-bit in a name', 'Sübject: x\r\n\r\n', 'headerMalformed'],
    ['a continuation first', ' x\r\nSubject: y\r\n\r\n', 'headerMalformed'],
    ['a continuation of blanks alone', 'Subject: y\r\n \r\nBcc: x\r\n\r\n', 'headerMalformed'],
    ['a header without body', 'Subject: y\r\n', 'accepted'],
  ])('%s', (_, text, expected) => {
    expect(verdict(text)).toBe(expected)
  })

  test('the header, its fields and the body offset let the caller rebuild the message', () => {
    const text = `${head}X: a\r\n b\r\n\r\nbody\r\n`
    const summary = guard(text)
    expect(`${summary.header}\r\n${text.slice(summary.bodyOffset)}`).toBe(text)
    expect(summary.fields.map(field => [field.name, field.value])).toEqual([
      ['From', 'dr@a.test'],
      ['Subject', 'x'],
      ['X', 'a b'],
    ])
    expect(summary).toMatchObject({ size: text.length, sha256: createHash('sha256').update(text).digest('hex'), parts: 1, eightBit: false })
    expect(guard(head).bodyOffset).toBe(head.length)
  })

  test('octets above 127 are noted', () => {
    expect(guard(`${head}\r\nété\r\n`)).toMatchObject({ eightBit: true, headerCharset: 'ascii' })
    expect(guard('Subject: été\r\n\r\n')).toMatchObject({ eightBit: true, headerCharset: 'utf-8' })
    expect(guard(Buffer.from('Subject: été\r\n\r\n', 'latin1'))).toMatchObject({ eightBit: true, headerCharset: 'unknown' })
  })
})

describe('parts', () => {
  const nest = (depth: number) => {
    let text = head
    for (let level = 0; level < depth; level += 1) text += `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`
    return `${text}\r\nx\r\n`
  }
  const nestMessages = (depth: number) => `${head}${'Content-Type: message/rfc822\r\n\r\n'.repeat(depth)}Subject: y\r\n\r\n`
  test.each([
    ['multiparts at their depth', nest(20), 'accepted'],
    ['multiparts too deep', nest(21), 'tooDeep'],
    ['messages in messages at their depth', nestMessages(20), 'accepted'],
    ['messages in messages too deep', nestMessages(21), 'tooDeep'],
    ['499 parts', mixed + part('text/plain').repeat(499), 'accepted'],
    ['500 parts and the multipart', mixed + part('text/plain').repeat(500), 'tooManyParts'],
    ['parts without a line between them', `${mixed}${'--b1\r\n'.repeat(500)}`, 'tooManyParts'],
    ['a multipart without boundary', `${head}Content-Type: multipart/mixed\r\n\r\n`, 'ambiguousParts'],
    ['a multipart with an empty boundary', `${head}Content-Type: multipart/mixed; boundary=""\r\n\r\n`, 'ambiguousParts'],
    ['two boundaries', `${head}Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n`, 'ambiguousParts'],
    [
      'two different boundaries, one by RFC 2231',
      `${head}Content-Type: multipart/mixed; boundary=a; boundary*0=b\r\n\r\n`,
      'ambiguousParts',
    ],
    ['two Content-Type fields', `${head}Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n`, 'ambiguousParts'],
    ['two Content-Type fields in a part', `${mixed}${part('text/plain\r\nContent-Type: text/html')}`, 'ambiguousParts'],
    ['a comment inside the media type', `${head}Content-Type: multipart/(x)mixed; boundary=a\r\n\r\n`, 'ambiguousParts'],
    ['a multipart that says it is encoded', `${mixed.slice(0, -2)}Content-Transfer-Encoding: base64\r\n\r\n`, 'accepted'],
    [
      'a malformed part header that names a multipart',
      `${mixed}--b1\r\nX\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n`,
      'ambiguousParts',
    ],
    ['a malformed part header', `${mixed}--b1\r\nX\r\n\r\n`, 'accepted'],
  ])('%s', (_, text, expected) => {
    expect(verdict(text)).toBe(expected)
  })

  test.each([
    ['a plain text', `${head}\r\nBonjour\r\n`, 1, false],
    ['a plain text, said so', `${head}Content-Type: Text/Plain; charset="utf-8"\r\n\r\nBonjour\r\n`, 1, false],
    ['text and HTML', `${mixed}${part('text/plain; charset=utf-8')}${part('text/html')}--b1--\r\n`, 3, false],
    ['a text with a name', `${mixed}${part('text/plain; name="resultat.hpr"')}--b1--\r\n`, 2, true],
    ['a text with a file name', `${mixed}${part('text/plain\r\nContent-Disposition: inline; filename=a.txt')}--b1--\r\n`, 2, true],
    ['an inline text', `${mixed}${part('text/plain\r\nContent-Disposition: inline')}--b1--\r\n`, 2, false],
    ['a zip', `${mixed}${part('text/plain')}${part('application/zip; name="IHE_XDM.zip"')}--b1--\r\n`, 3, true],
    [
      'a zip after the last boundary of an inner multipart',
      `${mixed}${part('multipart/alternative; boundary=b2', '--b2\r\n\r\nx\r\n--b2--\r\n')}${part('application/zip')}`,
      4,
      true,
    ],
    ['a zip in the epilogue, that nobody reads', `${mixed}${part('text/plain')}--b1--\r\nContent-Type: application/zip\r\n\r\nx`, 2, false],
    ['a line that only starts like a boundary', `${mixed}${part('text/plain')}--b1x\r\n--b1--\r\n`, 2, true],
    ['blanks after a boundary', `${mixed}--b1 \t\r\nContent-Type: application/zip\r\n\r\n--b1-- \r\n`, 2, true],
    ['a part cut inside its header', `${mixed}--b1\r\nContent-Type: application/zip\r\n--b1--\r\n`, 2, true],
    ['an unreadable media type', `${mixed}${part('nonsense; =')}--b1--\r\n`, 2, true],
    [
      'a message in a message, with a zip',
      `${mixed}${part('message/rfc822', `${head}Content-Type: application/zip\r\n\r\nx\r\n`)}--b1--\r\n`,
      3,
      true,
    ],
    ['a message in a message, of text', `${mixed}${part('message/rfc822', `${head}\r\nx\r\n`)}--b1--\r\n`, 3, false],
    ['an encoded message', `${mixed}${part('message/rfc822\r\nContent-Transfer-Encoding: base64', 'eA==\r\n')}--b1--\r\n`, 2, true],
    [
      'a digest',
      `${head}Content-Type: multipart/digest; boundary=b1\r\n\r\n--b1\r\n\r\nContent-Type: application/zip\r\n\r\nx\r\n--b1--\r\n`,
      3,
      true,
    ],
    [
      'a report',
      `${head}Content-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\r\n${part('text/plain')}${part('message/delivery-status')}${part('text/rfc822-headers')}--b1--\r\n`,
      4,
      false,
    ],
    ['a multipart that says it is encoded', `${mixed.slice(0, -2)}Content-Transfer-Encoding: base64\r\n\r\n${part('text/plain')}`, 2, true],
    ['a machine part outside a report', `${mixed}${part('message/delivery-status')}--b1--\r\n`, 2, true],
  ])('%s', (_, text, parts, mayCarryDocuments) => {
    for (const chunk of [1, 5, 1000]) expect(guard(text, {}, chunk)).toMatchObject({ parts, mayCarryDocuments })
  })
})

test('after the first fault nothing more is read, and the fault is known at once', () => {
  const guarded = new ContentGuard(CONTENT_LIMITS)
  guarded.write(Buffer.from(`${head}\r\na\nb`))
  expect(guarded.fault?.reason).toBe('bareLf')
  guarded.write(Buffer.from('\0\r'))
  expect(() => guarded.end()).toThrow(CONTENT_FAULTS.bareLf[2])
  expect(guarded.fault).toMatchObject({ reply: 550, status: '5.5.2' })
})

test('every fault is a permanent refusal with one sentence', () => {
  for (const [reply, status, text] of Object.values(CONTENT_FAULTS)) {
    expect(String(reply)).toMatch(/^5\d\d$/)
    expect(status).toMatch(/^5\.\d\.\d$/)
    expect(text).toMatch(/^[A-Z][^\r\n]{10,120}$/)
  }
})

test('any octets are accepted or refused with a reason, the same for every cut', () => {
  const pieces = fc.constantFrom(
    '\r\n',
    '\r',
    '\n',
    ' ',
    '--b1',
    '--b1--',
    'X: y',
    'Content-Type: multipart/mixed; boundary=b1',
    'Content-Type: message/rfc822',
    'é',
    '\0',
    ':',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), list => {
      expect([...Object.keys(CONTENT_FAULTS), 'accepted']).toContain(verdict(list.join('')))
    }),
    { numRuns: 500 },
  )
})

test('the time grows with the size, whatever the lines are', () => {
  const cost = (line: string) => {
    const bytes = Buffer.from(mixed + line.repeat(Math.floor(2_000_000 / line.length)))
    const spent = cpuClock()
    guard(bytes, {}, 65536)
    return spent()
  }
  cost('warm up the compiler, please, with ordinary lines\r\n')
  for (const line of ['\r\n', '--\r\n', '--b\r\n', `--b${'1'.repeat(190)}\r\n`, '-- \t \t \t\r\n', `${'-'.repeat(990)}\r\n`])
    expect(cost(line)).toBeLessThan(2_000)
})
