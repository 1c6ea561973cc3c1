import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkUnique,
  contentType,
  HeaderFault,
  isReport,
  messageId,
  only,
  optional,
  parseMediaType,
  readHeader,
  removeField,
  renderField,
} from '../../../gateway/header.ts'

const read = (text: string) => readHeader(Buffer.from(text))

function reasonOf(action: () => unknown): string {
  try {
    return `read as ${JSON.stringify(action())}`
  } catch (error) {
    if (error instanceof HeaderFault) return error.reason
    throw error
  }
}

test('fields come unfolded, with their bytes', () => {
  const fields = read('From: a@b.test\r\nSubject:  un\r\n\tdeux \r\n  trois\r\nX-Empty:\r\n\r\nbody: no\r\n')
  expect(fields.map(({ name, value }) => [name, value])).toEqual([
    ['From', 'a@b.test'],
    ['Subject', 'un\tdeux   trois'],
    ['X-Empty', ''],
  ])
  expect(fields[1]?.raw.toString()).toBe('Subject:  un\r\n\tdeux \r\n  trois\r\n')
})

test.each([
  ['no colon', 'Subject\r\n'],
  ['a blank before the colon', 'Subject : x\r\n'],
  ['an empty name', ': x\r\n'],
  ['a name of 8-bit octets', 'Sujét: x\r\n'],
  ['a continuation first', ' x\r\nSubject: y\r\n'],
  ['a continuation of blanks', 'Subject: y\r\n\t \r\nBcc: z\r\n'],
])('%s is malformed', (_, text) => {
  expect(reasonOf(() => read(text))).toBe('malformed')
})

test('exactly one From, at most one Subject', () => {
  const fields = read('From: a@b.test\r\nFROM: c@d.test\r\nTo: e@f.test\r\n')
  expect(reasonOf(() => only(fields, 'From'))).toBe('duplicate')
  expect(reasonOf(() => only(fields, 'Sender'))).toBe('missing')
  expect(optional(fields, 'Sender')).toBeUndefined()
  expect(only(fields, 'to')).toBe('e@f.test')
  expect(reasonOf(() => checkUnique(fields))).toBe('duplicate')
})

test.each(['From', 'Sender', 'Date', 'Message-ID', 'Subject', 'Content-Type'])('two %s fields are a fault', name => {
  expect(reasonOf(() => checkUnique(read(`${name}: a\r\nX: y\r\n${name.toLowerCase()}: a\r\n`)))).toBe('duplicate')
})

test.each([
  ['<a.b@c.test>', 'read as "<a.b@c.test>"'],
  ['  <a b@c.test>', 'messageId'],
  ['<a@b><c@d>', 'messageId'],
  ['a@b', 'messageId'],
  ['<>', 'messageId'],
])('Message-ID: %s', (text, expected) => {
  expect(reasonOf(() => messageId(read(`Message-ID: ${text}\r\n`)))).toBe(expected)
})

describe('a media type', () => {
  test.each([
    ['text/plain', 'text/plain', {}],
    ['Text/HTML; Charset="UTF-8";', 'text/html', { charset: 'UTF-8' }],
    ['multipart/mixed ; boundary = "a b\\"c;d"', 'multipart/mixed', { boundary: 'a b"c;d' }],
    ['a/b; name*0="IHE_"; name*1="XDM.zip"', 'a/b', { name: 'IHE_XDM.zip' }],
    ["a/b; filename*=utf-8'fr'r%C3%A9sum%C3%A9.pdf", 'a/b', { filename: 'résumé.pdf' }],
    ["a/b; filename*0*=utf-8''r%C3%A9; filename*1=sum; filename*2*=%C3%A9.pdf", 'a/b', { filename: 'résumé.pdf' }],
    ["attachment; filename=resume.pdf; filename*=utf-8''r%C3%A9sum%C3%A9.pdf", 'attachment', { filename: 'résumé.pdf' }],
  ])('%s', (text, type, parameters) => {
    const read = parseMediaType(text)
    expect({ type: read.type, parameters: Object.fromEntries(read.parameters) }).toEqual({ type, parameters })
  })

  test.each([
    '',
    'text',
    'text/',
    'text/plain; charset=a; charset=b',
    'multipart/mixed; boundary="a',
    'multipart/mixed; boundary=a b',
    'multipart/(x)mixed; boundary=a',
    'multipart/mixed (x); boundary=a',
    'multipart/mixed; boundary=a; boundary*=b',
    'multipart/mixed boundary=a',
  ])('%j is refused or has no parameter', text => {
    const outcome = reasonOf(() => [...parseMediaType(text).parameters.keys()])
    expect(['contentType', 'read as []']).toContain(outcome)
  })

  test('is text/plain when absent', () => {
    expect(contentType(read('X: y\r\n')).type).toBe('text/plain')
  })
})

test.each([
  ['multipart/report; report-type=delivery-status; boundary=a', 'delivery-status'],
  ['Multipart/Report;\r\n\tboundary=a; Report-Type="Disposition-Notification"', 'disposition-notification'],
  ['multipart/report; report-type=feedback-report; boundary=a', undefined],
  ['multipart/report; boundary=a', undefined],
  ['multipart/mixed; report-type=delivery-status; boundary=a', undefined],
  ['text/plain (a comment)', undefined],
])('%s is a report: %s', (text, expected) => {
  expect(isReport(read(`Content-Type: ${text}\r\n`))).toBe(expected)
})

test('Bcc is removed with its continuations, and nothing else moves', () => {
  const block = Buffer.from('From: a@b.test\r\nBCC: c@d.test,\r\n e@f.test\r\nSubject: x\r\nbcc: g@h.test\r\n\r\n')
  expect(removeField(block, 'Bcc').toString()).toBe('From: a@b.test\r\nSubject: x\r\n\r\n')
  expect(removeField(block, 'X-None')).toBe(block)
})

test('an added field can never start another one', () => {
  for (const end of ['\r', '\n', '\0', '\r\n ']) expect(() => renderField('X', `a${end}b`)).toThrow(TypeError)
  expect(() => renderField('X\r\nY', 'a')).toThrow(TypeError)
  expect(() => renderField('X:', 'a')).toThrow(TypeError)
})

test('what is rendered is read back, in lines of at most 78 octets', () => {
  const words = fc.array(fc.stringMatching(/^[!-~é]{1,30}$/), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(words, list => {
      const raw = renderField('X-Test', list.join(' '))
      expect(readHeader(raw).map(field => field.value)).toEqual([list.join(' ')])
      for (const line of raw.toString().split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(78)
    }),
  )
})
