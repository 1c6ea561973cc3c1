import { spawnSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadIdentity } from '../../crypto/index.ts'
import { readPkcs12 } from '../../crypto/pkcs12.ts'
import { has, tool } from '../support/tools.ts'
import { createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../world/pki.ts'

const now = new Date()
const PASSPHRASE = 'Clé du 3e étage €'

let folder: string
let pki: Pki
let rsa: Issued
let ec: Issued
let paths: Record<'rsa' | 'ec', IdentityPaths>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-openssl-p12-'))
  pki = await createPki({ now })
  const request = { kind: 'client', organization: 'HÔPITAL FICTIF', structure: '1130000001', commonName: 'app.test' } as const
  ;[rsa, ec] = await Promise.all([pki.issue(request), pki.issue({ ...request, key: 'ec' })])
  paths = { rsa: await writeIdentity(folder, 'rsa', rsa, pki), ec: await writeIdentity(folder, 'ec', ec, pki) }
})

afterAll(() => rm(folder, { recursive: true }))

/** What `openssl pkcs12 -export` makes of an identity and its chain. */
async function exported(options: readonly string[], kind: 'rsa' | 'ec' = 'rsa'): Promise<Buffer> {
  const { certificate, key, chain } = paths[kind]
  const target = join(folder, 'export.p12')
  const files = ['-inkey', key, '-in', certificate, '-certfile', chain, '-out', target]
  const { status, stderr } = spawnSync(tool('openssl'), ['pkcs12', '-export', ...files, '-passout', `pass:${PASSPHRASE}`, ...options], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  expect({ status, stderr }).toMatchObject({ status: 0 })
  return readFile(target)
}

const writesPbmac1 = () => spawnSync(tool('openssl'), ['pkcs12', '-help'], { encoding: 'utf8' }).stderr.includes('pbmac1')

describe.skipIf(!has('openssl'))('openssl pkcs12 -export writes what we read', () => {
  test.each<[string, string[]]>([
    ['as OpenSSL 3 does by itself: PBES2, AES-256, HMAC-SHA-256', []],
    ['as OpenSSL 1 did: 3DES and RC2 of 40 bits, HMAC-SHA-1', ['-legacy']],
    ['as OpenSSL 1 did with -descert', ['-legacy', '-descert']],
    ['3DES for both, without -legacy', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
    ['AES-128', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC']],
    ['3DES in PBES2', ['-keypbe', 'DES-EDE3-CBC', '-certpbe', 'DES-EDE3-CBC']],
    ['HMAC-SHA-512', ['-macalg', 'sha512']],
    ['HMAC-SHA-384', ['-macalg', 'sha384']],
    ['HMAC-SHA-224', ['-macalg', 'sha224']],
    ['a MAC of one iteration', ['-nomaciter']],
    ['100,000 iterations', ['-iter', '100000']],
    ['nothing enciphered, but a MAC', ['-keypbe', 'NONE', '-certpbe', 'NONE']],
    ['names for people', ['-name', 'Clé de l’hôpital', '-caname', 'Autorité', '-CSP', 'Microsoft Enhanced RSA']],
  ])('%s', async (_, options) => {
    const content = readPkcs12(await exported(options), PASSPHRASE)
    expect(createPrivateKey(content.keyPem).equals(createPrivateKey(rsa.keyPem))).toBe(true)
    expect(content.certificatePem.trim()).toBe(rsa.certificatePem.trim())
    expect(content.chainPem.map(pem => pem.trim())).toEqual([pki.authorities[1]!.trim()])
  })

  test.skipIf(!has('openssl') || !writesPbmac1())('a MAC of RFC 9879', async () => {
    expect(readPkcs12(await exported(['-pbmac1_pbkdf2']), PASSPHRASE).certificatePem.trim()).toBe(rsa.certificatePem.trim())
  })

  test.each(['rsa', 'ec'] as const)('an identity with its chain (%s)', async kind => {
    const files = { pkcs12: join(folder, 'identity.p12'), passphrase: join(folder, 'identity.passphrase') }
    await writeFile(files.pkcs12, await exported([], kind))
    await writeFile(files.passphrase, `${PASSPHRASE}\n`, { mode: 0o600 })
    const identity = loadIdentity(files, now)
    expect(identity).toEqual(loadIdentity(paths[kind], now))
  })
})

describe.skipIf(!has('openssl'))('openssl pkcs12 -export writes what we refuse', () => {
  test.each<[string, string[], RegExp]>([
    ['without MAC', ['-nomac'], /has no MAC/],
    ['with too many iterations', ['-iter', '2000001'], /more than 2000000 rounds/],
    ['without certificate of the key', ['-nokeys'], /holds no private key/],
    ['with Camellia', ['-certpbe', 'CAMELLIA-256-CBC'], /uses a cipher that is not read here \(1\.2\.392\.200011\.61\.1\.1\.1\.4\)/],
    ['with RC2 of 128 bits', ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128'], /uses a cipher that is not read here/],
    ['with a MAC by MD5', ['-macalg', 'md5'], /uses a MAC that is not read here/],
  ])('%s', async (_, options, words) => {
    const file = await exported(options)
    expect(() => readPkcs12(file, PASSPHRASE)).toThrow(words)
  })

  test('with another passphrase', async () => {
    const file = await exported([])
    expect(() => readPkcs12(file, PASSPHRASE.normalize('NFD'))).toThrow(/MAC of the file does not verify/)
  })
})
