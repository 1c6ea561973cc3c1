import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS, exceededCap } from '../../../dmp-bridge/caps.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { letterOf } from './samples.ts'

function capOf(eml: string | Uint8Array, limits = {}) {
  return exceededCap(Buffer.from(eml as string), { ...DEFAULT_LIMITS, ...limits })
}

function nested(levels: number): string {
  const open = Array.from({ length: levels }, (_, level) => `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`)
  return `${open.join('')}\r\nx\r\n`
}

test('an ordinary letter breaks no limit', async () => {
  expect(capOf((await letterOf()).eml)).toBeUndefined()
})

describe('each limit, at its edge', () => {
  test('size', () => {
    expect(capOf('a: b\r\n\r\nx', { maxMessageBytes: 9 })).toBeUndefined()
    expect(capOf('a: b\r\n\r\nxy', { maxMessageBytes: 9 })).toBe('message-too-big')
  })

  test('header section', () => {
    expect(capOf(`a: ${'b'.repeat(97)}\r\n\r\n`, { maxHeaderBytes: 100 })).toBeUndefined()
    expect(capOf(`a: ${'b'.repeat(98)}\r\n\r\n`, { maxHeaderBytes: 100 })).toBe('header-too-big')
    expect(capOf('a: b\r\n'.repeat(30), { maxHeaderBytes: 100 })).toBe('header-too-big')
  })

  test('header section of a part', () => {
    const eml = `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nx: ${'y'.repeat(200)}\r\n\r\n--b--\r\n`
    expect(capOf(eml, { maxHeaderBytes: 100 })).toBe('header-too-big')
  })

  test('line', () => {
    expect(capOf(`a: b\r\n\r\n${'x'.repeat(1000)}`, { maxLineBytes: 1000 })).toBeUndefined()
    expect(capOf(`a: b\r\n\r\n${'x'.repeat(1001)}`, { maxLineBytes: 1000 })).toBe('line-too-long')
  })

  test('parts', () => {
    const eml = (parts: number) => `Content-Type: multipart/mixed; boundary="a b"\r\n\r\n${'--a b\r\n\r\nx\r\n'.repeat(parts)}--a b--\r\n`
    expect(capOf(eml(9), { maxParts: 10 })).toBeUndefined()
    expect(capOf(eml(10), { maxParts: 10 })).toBe('too-many-parts')
  })

  test('depth of multiparts', () => {
    expect(capOf(nested(5), { maxDepth: 5 })).toBeUndefined()
    expect(capOf(nested(6), { maxDepth: 5 })).toBe('too-deep')
  })

  test('depth of messages in messages', () => {
    expect(capOf('Content-Type: message/rfc822\r\n\r\n'.repeat(5), { maxDepth: 5 })).toBeUndefined()
    expect(capOf('Content-Type: message/rfc822\r\n\r\n'.repeat(6), { maxDepth: 5 })).toBe('too-deep')
  })
})

test('a folded Content-Type with its boundary on the next line is followed', () => {
  const eml = `Content-Type: multipart/mixed;\r\n\tboundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(20)}`
  expect(capOf(eml, { maxParts: 10 })).toBe('too-many-parts')
})

test('a boundary that closes brings us back one level', () => {
  const inner = (name: string) => `--out\r\nContent-Type: multipart/mixed; boundary=${name}\r\n\r\n--${name}\r\n\r\nx\r\n--${name}--\r\n`
  const eml = `Content-Type: multipart/mixed; boundary=out\r\n\r\n${inner('a')}${inner('b')}${inner('c')}--out--\r\n`
  expect(capOf(eml, { maxDepth: 2 })).toBeUndefined()
})

test('the next part of an outer multipart ends an inner one that was never closed', () => {
  const inner = (name: string) => `--out\r\nContent-Type: multipart/mixed; boundary=${name}\r\n\r\n--${name}\r\n\r\nx\r\n`
  const eml = `Content-Type: multipart/mixed; boundary=out\r\n\r\n${inner('a')}${inner('b')}${inner('c')}`
  expect(capOf(eml, { maxDepth: 2 })).toBeUndefined()
})

test('dashes in a text are not parts', () => {
  expect(capOf(`a: b\r\n\r\n${'--\r\n-- signature\r\n-----\r\n'.repeat(500)}`, { maxParts: 10 })).toBeUndefined()
})

test('forty megabytes are measured in less than two seconds', () => {
  const line = `${'A'.repeat(76)}\r\n`
  const eml = Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${line.repeat(500_000)}--b--\r\n`)
  const spent = cpuClock()
  expect(capOf(eml)).toBeUndefined()
  expect(spent()).toBeLessThan(2000)
})

test('headers that readers understand differently are no message', () => {
  const inside = (head: string) => Buffer.from(`${head}\r\n\r\n--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b--\r\n`)
  const multipart = 'Content-Type: multipart/mixed; boundary=b'
  for (const head of [
    `Content-Type: text/plain\r\n${multipart}`,
    `${multipart}\r\ncontent-type : text/plain`,
    `${multipart}\r\nContent-Transfer-Encoding: base64`,
    `Content-Transfer-Encoding:\r\n quoted-printable\r\n${multipart}`,
    'Content-Type: text/xml\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64',
  ]) {
    expect(exceededCap(inside(head), DEFAULT_LIMITS)).toBe('message-malformed')
  }
  for (const encoding of ['7bit', '8BIT', 'binary (x)']) {
    expect(exceededCap(inside(`${multipart}\r\nContent-Transfer-Encoding: ${encoding}`), DEFAULT_LIMITS)).toBeUndefined()
  }
})
