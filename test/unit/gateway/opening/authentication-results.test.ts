import { describe, expect, test } from 'vitest'
import { readHeader } from '../../../../gateway/header.ts'
import { resultsField, withoutForgedResults } from '../../../../gateway/opening/authentication-results.ts'
import { protectionOf } from '../../../../gateway/opening/protection.ts'
import { signer } from './signers.ts'

const HOST = 'smtp.a.mssante.test'
const unfolded = (field: Buffer) =>
  field
    .toString('latin1')
    .replace(/\r\n(?=[ \t])/g, '')
    .trimEnd()

describe('the field', () => {
  const author = signer(['dr.autre@b.mssante.test', 'second@b.mssante.test'])

  test('of a mail that was opened', () => {
    expect(unfolded(resultsField(HOST, { result: 'pass', signers: [author], opened: ['aes-256-gcm'] }))).toBe(
      `Authentication-Results: ${HOST}; smime=pass (opened, aes-256-gcm) body.smime-identifier=dr.autre@b.mssante.test body.smime-serial=0a1b body.smime-issuer="CN=AC FICTIVE,C=FR"`,
    )
  })

  test('of two signers: a result for each', () => {
    const field = unfolded(resultsField(HOST, { result: 'policy', reason: 'why not', signers: [author, signer([])], part: '2' }))
    expect(field.split('; ').slice(1)).toEqual([
      'smime=policy reason="why not" body.smime-identifier=dr.autre@b.mssante.test body.smime-part=2 body.smime-serial=0a1b body.smime-issuer="CN=AC FICTIVE,C=FR"',
      'smime=policy reason="why not" body.smime-part=2 body.smime-serial=0a1b body.smime-issuer="CN=AC FICTIVE,C=FR"',
    ])
  })

  test('holds nothing of a certificate that could end it or begin another', () => {
    const odd = signer(['"a b"; smime=pass"@b.test'], { issuer: 'CN=É\\"x\r\nReceived: y,C=FR' })
    const field = resultsField(HOST, { result: 'fail', reason: 'a "b" \\ c', signers: [odd] }).toString('latin1')
    expect(field).toMatch(/^[\x20-\x7e\r\n]+$/)
    expect(readHeader(Buffer.from(field))).toHaveLength(1)
    expect(unfolded(Buffer.from(field))).toBe(
      `Authentication-Results: ${HOST}; smime=fail reason="a \\"b\\" \\\\ c" body.smime-identifier="\\"a b\\"; smime=pass\\"@b.test" body.smime-serial=0a1b body.smime-issuer="CN=\\\\C3\\\\89\\\\\\"x\\\\0D\\\\0AReceived: y,C=FR"`,
    )
  })

  test('has lines that every server takes', () => {
    const long = signer([`${'x'.repeat(3000)}@b.test`], { issuer: `CN=${'y'.repeat(3000)}` })
    const field = resultsField(HOST, { result: 'fail', reason: 'z'.repeat(3000), signers: [long] }).toString('latin1')
    expect(field.split('\r\n').every(line => line.length <= 998)).toBe(true)
  })
})

describe('what claims to be ours', () => {
  const left = (...lines: string[]) => {
    const block = Buffer.from([...lines, 'Subject: x', ''].join('\r\n'))
    return withoutForgedResults(block, readHeader(block), HOST).toString()
  }
  const KEPT = 'Subject: x\r\n'

  test.each([
    `Authentication-Results: ${HOST}; smime=pass`,
    `authentication-results:${HOST};smime=pass`,
    `Authentication-Results:\r\n ${HOST}\r\n ; smime=pass`,
    `Authentication-Results: ${HOST} 1; smime=pass`,
    `Authentication-Results: ${HOST}`,
    'Authentication-Results: SMTP.A.mssante.TEST.; smime=pass',
    `Authentication-Results: (a (nested\\)) comment) ${HOST}; smime=pass`,
    `Authentication-Results: ${HOST}(comment); smime=pass`,
    `Authentication-Results: "${HOST}"; smime=pass`,
    'Authentication-Results: "smtp\\.a.mssante.test"; smime=pass',
    'Authentication-Results: ｓmtp.a.mssante.test; smime=pass',
  ])('is taken away: %s', line => expect(left(line)).toBe(KEPT))

  test.each([
    'Authentication-Results: ; smime=pass',
    'Authentication-Results:',
    'Authentication-Results: (no end smtp.a.mssante.test; smime=pass',
    'Authentication-Results: "no end; smime=pass',
    `Authentication-Results: "x"${HOST}; smime=pass`,
  ])('and what cannot be read: %s', line => expect(left(line)).toBe(KEPT))

  test.each([
    'Authentication-Results: mx.example; dkim=pass',
    `Authentication-Results: x${HOST}; smime=pass`,
    `Authentication-Results: mx.example; smime=pass (${HOST}; smime=pass)`,
    `X-Authentication-Results: ${HOST}; smime=pass`,
  ])('and nothing else: %s', line => expect(left(line)).toBe(`${line}\r\n${KEPT}`))
})

describe('how a header says that its message is protected', () => {
  const of = (...lines: string[]) => protectionOf(readHeader(Buffer.from([...lines, ''].join('\r\n'))))
  test.each<[string, string | undefined]>([
    ['application/pkcs7-mime; smime-type=enveloped-data', 'encrypted'],
    ['application/x-pkcs7-mime; smime-type="authEnveloped-data"; name=smime.p7m', 'encrypted'],
    ['Application/PKCS7-Mime', 'encrypted'],
    ['application/pkcs7-mime; smime-type=signed-data', 'signed'],
    ['application/pkcs7-mime; smime-type=certs-only', undefined],
    ['application/pkcs7-mime; smime-type=compressed-data', undefined],
    ['multipart/signed; protocol="application/pkcs7-signature"; boundary=b', 'signed'],
    ['multipart/signed; protocol="application/pgp-signature"; boundary=b', undefined],
    ['application/pkcs7-mime; smime-type=a; smime-type=b', undefined],
    ['text/plain', undefined],
  ])('%s', (value, protection) => expect(of(`Content-Type: ${value}`)).toBe(protection))

  test('not at all, or twice', () => {
    expect(of('Subject: x')).toBeUndefined()
    expect(of('Content-Type: application/pkcs7-mime', 'Content-Type: application/pkcs7-mime')).toBeUndefined()
  })
})
