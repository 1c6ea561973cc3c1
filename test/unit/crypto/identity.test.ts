import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pemToDer } from '../../../crypto/certificate.ts'
import { createIdentity, formatName, loadIdentity, readCertificate, subjectOf } from '../../../crypto/index.ts'
import { createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

const now = new Date('2026-11-22T08:00:00Z')

let folder: string
let pki: Pki
let issued: Issued
let paths: IdentityPaths

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-identity-'))
  pki = await createPki({ now, key: 'ec' })
  issued = await pki.issue({
    kind: 'client',
    organization: 'HÔPITAL  FICTIF, SUD',
    structure: '1130000001',
    commonName: 'app.test',
    key: 'ec',
  })
  paths = await writeIdentity(folder, 'app', issued, pki)
})

afterAll(() => rm(folder, { recursive: true }))

describe('an identity', () => {
  test('is loaded with its chain, and shows its key to nobody', () => {
    const identity = loadIdentity(paths, now)
    expect(identity.chainPem).toHaveLength(1)
    expect(identity.facts.subject).toEqual(issued.subject)
    expect(inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity)).not.toContain('PRIVATE')
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'with the key of another',
      () => loadIdentity({ ...paths, key: join(folder, 'other.key.pem') }, now),
      /app\.pem: the private key is not the one/,
    ],
    ['with a certificate for a key', () => loadIdentity({ ...paths, key: paths.certificate }, now), /private key cannot be read/],
    ['with a key for a certificate', () => loadIdentity({ ...paths, certificate: paths.key }, now), /no PEM certificate/],
    [
      'with a key for a chain',
      () => loadIdentity({ ...paths, chain: paths.key }, now),
      /no PEM certificate in the file of the chain, .*key\.pem/,
    ],
    ['that has expired', () => loadIdentity(paths, new Date('2031-01-01')), /expired on 2029-11-21/],
    ['of tomorrow', () => loadIdentity(paths, new Date('2020-01-01')), /valid only from/],
    [
      'with a chain that is not its own',
      () => createIdentity({ certificatePem: issued.certificatePem + pki.authorities[0], keyPem: issued.keyPem }, now),
      /did not issue/,
    ],
  ])('is refused %s', async (_, load, words) => {
    const other = await pki.issue({ kind: 'client', organization: 'X', structure: '1000000000', commonName: 'x', key: 'ec' })
    await writeIdentity(folder, 'other', other, pki)
    expect(load).toThrow(words)
  })

  test('that cannot be read does not show the key in the error', () => {
    const broken = issued.keyPem.replace(/[A-Z]/, '!')
    expect(() => createIdentity({ certificatePem: issued.certificatePem, keyPem: broken }, now)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(broken.slice(40, 60)) }),
    )
  })
})

describe('a certificate', () => {
  test('gives its subject in its own order, values untouched', () => {
    expect(subjectOf(pemToDer(issued.certificatePem))).toEqual([
      { type: 'C', value: 'FR' },
      { type: 'ST', value: 'Paris (75)' },
      { type: 'O', value: 'HÔPITAL  FICTIF, SUD' },
      { type: 'OU', value: '1130000001' },
      { type: 'CN', value: 'app.test' },
    ])
  })

  test('is read from PEM and DER alike', () => {
    const facts = readCertificate(issued.certificatePem)
    expect(readCertificate(pemToDer(issued.certificatePem))).toEqual(facts)
    expect(facts.serial).toBe(issued.serial.toString('hex'))
    expect(facts.fingerprint256).toMatch(/^[0-9a-f]{64}$/)
  })

  test('that is none throws', () => {
    expect(() => subjectOf(Buffer.from('3000', 'hex'))).toThrow()
    expect(() => readCertificate('hello')).toThrow()
  })
})

test.each([
  [
    [
      { type: 'C', value: 'FR' },
      { type: 'O', value: 'A, "B" + C' },
    ],
    'O=A\\, \\"B\\" \\+ C,C=FR',
  ],
  [[{ type: 'CN', value: ' #x ' }], 'CN=\\ #x\\ '],
  [[{ type: 'CN', value: '#x' }], 'CN=\\#x'],
  [[{ type: '1.2.3', value: 'a\\b;<c>' }], '1.2.3=a\\\\b\\;\\<c\\>'],
])('a name is written as RFC 4514 says', (rdns, text) => {
  expect(formatName(rdns)).toBe(text)
})
