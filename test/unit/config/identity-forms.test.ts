import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigurationFault, loadConfiguration } from '../../../config/index.ts'
import { identityFiles } from '../../../gateway/certificates/identity-files.ts'

let folder: string
const NAMES = [
  'own.pem',
  'master.keys',
  'mailboxes.pub',
  'own.key',
  'sub.pem',
  'own.p12',
  'own.passphrase',
  'root.pem',
  'root.crl',
  'list.xml',
  'directory.sqlite',
]
const trust = { anchors: ['keys/root.pem'], crls: ['keys/root.crl'] }
const pem = { certificate: 'keys/own.pem', key: 'keys/own.key' }
const pkcs12 = { pkcs12: 'keys/own.p12', passphrase: 'keys/own.passphrase' }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pli-config-'))
  await mkdir(join(folder, 'keys'))
  await Promise.all(NAMES.map(name => writeFile(join(folder, 'keys', name), '')))
})

afterAll(() => rm(folder, { recursive: true }))

async function load(tls: unknown) {
  const listen = { host: '127.0.0.1', port: 0 }
  const file = join(folder, 'pli.yaml')
  const configuration = {
    name: 'Opérateur',
    hostname: 'smtp.a.test',
    domains: ['a.test'],
    postmaster: 'postmaster@a.test',
    data: 'data',
    listen: { submission: listen, submissions: listen, reception: listen },
    tls,
    signature: pem,
    whiteList: { file: 'keys/list.xml', ...trust, signer: 'alb.test' },
    masterKeys: { file: 'keys/master.keys' },
    mailboxes: { publicKey: 'keys/mailboxes.pub' },
    directory: { file: 'keys/directory.sqlite' },
  }
  await writeFile(file, stringify(configuration))
  return loadConfiguration(file)
}

async function faultsOf(tls: unknown): Promise<readonly string[]> {
  const fault: unknown = await load(tls).catch((error: unknown) => error)
  if (!(fault instanceof ConfigurationFault)) throw new Error('no fault')
  return fault.faults.map(line => line.replace(folder, ''))
}

describe('an identity is configured', () => {
  test('as PEM files, with or without chain', async () => {
    const { tls } = await load({ ...pem, ...trust })
    expect(identityFiles(tls)).toEqual({ certificate: join(folder, 'keys/own.pem'), key: join(folder, 'keys/own.key') })
    expect(identityFiles((await load({ ...pem, chain: 'keys/sub.pem', ...trust })).tls)).toMatchObject({
      chain: join(folder, 'keys/sub.pem'),
    })
  })

  test('as a PKCS#12 file', async () => {
    const { tls } = await load({ ...pkcs12, ...trust })
    expect(identityFiles(tls)).toEqual({ pkcs12: join(folder, 'keys/own.p12'), passphrase: join(folder, 'keys/own.passphrase') })
    expect(tls.anchors).toEqual([join(folder, 'keys/root.pem')])
    expect(Object.isFrozen(tls)).toBe(true)
  })

  test.each<[string, unknown, string[]]>([
    [
      'in both forms',
      { ...pem, ...pkcs12, ...trust },
      ['tls: has either certificate and key (PEM) or pkcs12 and passphrase, never parts of both'],
    ],
    [
      'in parts of both',
      { ...pkcs12, chain: 'keys/sub.pem', ...trust },
      ['tls: has either certificate and key (PEM) or pkcs12 and passphrase, never parts of both'],
    ],
    ['in neither', trust, ['tls: needs either certificate and key (PEM) or pkcs12 and passphrase']],
    [
      'with several faults at once',
      { pkcs12: 'keys/own.p12', pass: 'secret', anchors: [], crls: trust.crls },
      [
        'tls.passphrase: Invalid input: expected string, received undefined',
        'tls.anchors: Too small: expected array to have >=1 items',
        'tls: Unrecognized key: "pass"',
      ],
    ],
    ['without key', { certificate: 'keys/own.pem', ...trust }, ['tls.key: Invalid input: expected string, received undefined']],
    ['not at all', undefined, ['tls: Invalid input: expected object, received undefined']],
    [
      'in files that are missing',
      { pkcs12: 'keys/none.p12', passphrase: 'keys/none', ...trust },
      ['tls.pkcs12: /keys/none.p12: cannot be read', 'tls.passphrase: /keys/none: cannot be read'],
    ],
    ['with a chain that is missing', { ...pem, chain: 'keys/none.pem', ...trust }, ['tls.chain: /keys/none.pem: cannot be read']],
  ])('and refused %s', async (_, tls, faults) => {
    expect(await faultsOf(tls)).toEqual(faults)
  })
})
