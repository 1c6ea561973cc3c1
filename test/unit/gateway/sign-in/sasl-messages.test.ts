import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../../gateway/refusals.ts'
import { decodeText, parseOauthBearer, parsePlain, parseXoauth2 } from '../../../../gateway/sign-in/sasl-messages.ts'
import { cpuClock } from '../../../support/cpu-time.ts'

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'
const octets = (text: string) => Buffer.from(text)

describe('PLAIN', () => {
  test.each([
    ['\0dr@a.test\0secret', 'dr@a.test', 'secret'],
    ['dr@a.test\0\0secret', 'dr@a.test', 'secret'],
    ['Dr@a.test\0dr@a.test\0secret', 'dr@a.test', 'secret'],
    ['\0dr@a.test\0clé à mollette', 'dr@a.test', 'clé à mollette'],
  ])('%j is read', (text, address, password) => {
    expect(parsePlain(octets(text))).toEqual({ address, password })
  })

  test.each(
    [
      ['', '\0\0', '\0dr@a.test\0', 'dr@a.test\0secret', '\0dr@a.test\0se\0cret'],
      // To act for another box is no matter of a password.
      ['secretariat@a.test\0dr@a.test\0secret'],
    ].flat(),
  )('%j is refused', text => {
    expect(() => parsePlain(octets(text))).toThrow(Refusal)
  })

  test('what is not UTF-8 is refused', () => {
    expect(() => parsePlain(Buffer.from([0, 0xe9, 0, 0x61]))).toThrow(Refusal)
  })
})

describe('XOAUTH2', () => {
  test('is read, whatever its order and the case of its keys', () => {
    const read = { address: 'dr@a.test', token: TOKEN }
    expect(parseXoauth2(octets(`user=dr@a.test\x01auth=Bearer ${TOKEN}\x01\x01`))).toEqual(read)
    expect(parseXoauth2(octets(`auth=bearer ${TOKEN}\x01User=dr@a.test\x01\x01`))).toEqual(read)
  })

  test.each([
    `user=dr@a.test\x01auth=Bearer ${TOKEN}\x01`,
    `user=dr@a.test\x01\x01`,
    `auth=Bearer ${TOKEN}\x01\x01`,
    `user=\x01auth=Bearer ${TOKEN}\x01\x01`,
    `user=a@a.test\x01user=b@a.test\x01auth=Bearer ${TOKEN}\x01\x01`,
    `user=dr@a.test\x01auth=Basic ${TOKEN}\x01\x01`,
    `user=dr@a.test\x01auth=Bearer ${TOKEN} ${TOKEN}\x01\x01`,
    `user=dr@a.test\x01auth=Bearer \x01\x01`,
    `user=dr\0@a.test\x01auth=Bearer ${TOKEN}\x01\x01`,
    '',
  ])('%j is refused', text => {
    expect(() => parseXoauth2(octets(text))).toThrow(Refusal)
  })
})

describe('OAUTHBEARER', () => {
  test.each([
    [`n,a=dr@a.test,\x01host=smtp.a.test\x01port=587\x01auth=Bearer ${TOKEN}\x01\x01`, 'dr@a.test'],
    [`y,a=d=2Cr=3D@a.test,\x01auth=Bearer ${TOKEN}\x01\x01`, 'd,r=@a.test'],
    [`n,,\x01auth=Bearer ${TOKEN}\x01\x01`, ''],
  ])('%j is read', (text, address) => {
    expect(parseOauthBearer(octets(text))).toEqual({ address, token: TOKEN })
  })

  test.each([
    `p=tls-exporter,,\x01auth=Bearer ${TOKEN}\x01\x01`, // channel binding: none is offered
    `n,a=d,r@a.test,\x01auth=Bearer ${TOKEN}\x01\x01`,
    `n,a=d=2cr@a.test,\x01auth=Bearer ${TOKEN}\x01\x01`,
    `n,\x01auth=Bearer ${TOKEN}\x01\x01`,
    `n,,auth=Bearer ${TOKEN}\x01\x01`,
    `n,,\x01auth=Bearer ${TOKEN}\x01`,
    `n,,\x01\x01`,
    '\x01',
    '',
  ])('%j is refused', text => {
    expect(() => parseOauthBearer(octets(text))).toThrow(Refusal)
  })
})

test('no octets do anything but be read or be refused as malformed, in linear time', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom('n,,\x01auth=', 'user=', ''), (bytes, start) => {
      for (const read of [parsePlain, parseXoauth2, parseOauthBearer, decodeText]) {
        try {
          read(Buffer.concat([octets(start), bytes]))
        } catch (error) {
          expect(error).toMatchObject({ reason: 'authenticationMalformed' })
        }
      }
    }),
  )
  const long = octets(`n,a=${'='.repeat(12_000)}`)
  const spent = cpuClock()
  expect(() => parseOauthBearer(long)).toThrow(Refusal)
  expect(spent()).toBeLessThan(500)
})
