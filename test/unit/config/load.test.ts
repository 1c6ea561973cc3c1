import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigurationFault, loadConfiguration, parseDuration } from '../../../config/index.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-load-'))
  for (const name of ['own.pem', 'own.key', 'root.pem', 'root.crl', 'list.xml', 'directory.sqlite', 'master.keys', 'mailboxes.pub'])
    writeFileSync(join(folder, name), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

const trust = { anchors: ['root.pem'], crls: ['root.crl'] }
const listen = (port: number) => ({ host: '127.0.0.1', port })
const RIGHT = {
  name: 'Opérateur',
  hostname: 'smtp.a.test',
  domains: ['a.test'],
  postmaster: 'postmaster@a.test',
  data: 'data',
  masterKeys: { file: 'master.keys' },
  mailboxes: { publicKey: 'mailboxes.pub' },
  listen: { submission: listen(587), submissions: listen(465), reception: listen(25) },
  tls: { certificate: 'own.pem', key: 'own.key', ...trust },
  signature: { certificate: 'own.pem', key: 'own.key' },
  whiteList: { file: 'list.xml', ...trust, signer: 'alb.test' },
  directory: { file: 'directory.sqlite' },
}

const write = (text: string) => {
  const file = join(folder, 'pli.yaml')
  writeFileSync(file, text)
  return file
}
const load = (change: object = {}) => loadConfiguration(write(stringify({ ...RIGHT, ...change })))

function faultsOf(work: () => unknown): string[] {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigurationFault) return error.faults.map(fault => fault.replaceAll(folder, ''))
    throw error
  }
  throw new Error('no fault')
}

describe('a configuration that is right', () => {
  test('is completed, its paths are absolute, and nothing can change it', () => {
    const value = load()
    expect(value).toMatchObject({
      data: join(folder, 'data'),
      tls: { certificate: join(folder, 'own.pem'), anchors: [join(folder, 'root.pem')] },
      limits: { messageBytes: 25 * 1024 * 1024, recipients: 500, lineBytes: 998 },
      retry: { warnAfter: 4 * 3_600_000, giveUpAfter: 5 * 86_400_000 },
      routes: {},
      log: { level: 'info' },
    })
    expect(value.retry.schedule.slice(0, 3)).toEqual([60_000, 120_000, 300_000])
    for (const part of [value, value.listen.submission, value.tls.anchors, value.retry.schedule]) expect(Object.isFrozen(part)).toBe(true)
  })

  test('S/MIME: its files are found from the folder too, and a domain without a word gets mail encrypted when it can be', () => {
    const files = { certificate: 'own.pem', key: 'own.key' }
    const { smime } = load({ smime: { encryption: [files], policy: { domains: { 'b.test': 'required' } } } })
    expect(smime.encryption).toEqual([{ certificate: join(folder, 'own.pem'), key: join(folder, 'own.key') }])
    expect(smime.policy).toEqual({ default: 'whenPossible', domains: { 'b.test': 'required' } })
    expect(load().smime).toEqual({ encryption: [], policy: { default: 'whenPossible', domains: {} } })
    expect(faultsOf(() => load({ smime: { encryption: [{ ...files, key: 'gone.key' }] } }))).toEqual([
      'smime.encryption.0.key: /gone.key: cannot be read',
    ])
  })

  test('may be JSON', () => {
    expect(loadConfiguration(write(JSON.stringify(RIGHT))).hostname).toBe('smtp.a.test')
  })
})

test('all faults are told at once: what does not fit, what is not known, what is not there', () => {
  const faults = faultsOf(() =>
    load({
      hostname: 'Not A Host',
      domains: [],
      verifyCertificates: false,
      listen: { submission: listen(70_000), submissions: listen(465), reception: listen(25) },
      retry: { warnAfter: 'soon' },
      tls: { certificate: 'gone.pem', key: 'own.key', ...trust },
      directory: { file: 'gone.sqlite' },
    }),
  )
  expect(faults).toEqual([
    'hostname: a lower-case host name',
    expect.stringMatching(/^domains: /),
    expect.stringMatching(/^listen\.submission\.port: /),
    'retry.warnAfter: "soon" is no duration: write a number and s, m, h or d',
    expect.stringMatching(/^the file: .*verifyCertificates/),
    'tls.certificate: /gone.pem: cannot be read',
    'directory.file: /gone.sqlite: cannot be read',
  ])
})

describe('no option turns a check off: an unknown one is a fault, at any depth', () => {
  test.each([
    ['at the top', { insecure: true }],
    ['in tls', { tls: { ...RIGHT.tls, rejectUnauthorized: false } }],
    ['in limits', { limits: { unlimited: true } }],
    ['in a listener', { listen: { ...RIGHT.listen, reception: { ...listen(25), requireTls: false } } }],
  ])('%s', (_, change) => {
    expect(faultsOf(() => load(change))).toEqual([expect.stringMatching(/nrecognized key/)])
  })

  test.each([
    ['a message of 101 MB', { limits: { messageBytes: 101 * 1024 * 1024 } }],
    ['no parts', { limits: { parts: 0 } }],
    ['no revocation list', { tls: { ...RIGHT.tls, crls: [] } }],
    ['no anchor', { whiteList: { ...RIGHT.whiteList, anchors: [] } }],
  ])('%s is beyond what can be set', (_, change) => {
    expect(faultsOf(() => load(change))).toHaveLength(1)
  })
})

test.each([
  ['a postmaster elsewhere', { postmaster: 'postmaster@b.test' }, 'postmaster: is not in one of our domains'],
  [
    'one port for two doors',
    { listen: { submission: listen(25), submissions: listen(465), reception: listen(25) } },
    'listen: two listeners have the same port',
  ],
  ['a warning after the end', { retry: { warnAfter: '6d' } }, 'retry.warnAfter: must be shorter than retry.giveUpAfter'],
  [
    'a policy towards ourselves',
    { smime: { policy: { domains: { 'a.test': 'required' } } } },
    'smime.policy.domains.a.test: is one of our own domains',
  ],
  ['a route to ourselves', { routes: { 'a.test': '127.0.0.1:25' } }, 'routes.a.test: is one of our own domains'],
])('a contradiction: %s', (_, change, fault) => {
  expect(faultsOf(() => load(change))).toEqual([fault])
})

test('ports that are left to the system are no contradiction', () => {
  expect(load({ listen: { submission: listen(0), submissions: listen(0), reception: listen(0) } }).listen.submission.port).toBe(0)
})

test.each([
  ['nothing', ''],
  ['a list', '- a\n- b\n'],
  ['a word', 'bonjour'],
  ['YAML that is broken', 'name: "x\ndomains: ['],
  ['a key twice', 'name: a\nname: b\n'],
])('%s is no configuration', (_, text) => {
  expect(faultsOf(() => loadConfiguration(write(text))).length).toBeGreaterThan(0)
})

test('a file that is not there is a fault, not a crash', () => {
  expect(faultsOf(() => loadConfiguration(join(folder, 'gone.yaml')))).toEqual([expect.stringContaining('ENOENT')])
})

test.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['4h', 14_400_000],
  ['5d', 432_000_000],
  ['0s', 0],
])('%s is a duration', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each(['', '5', 's', '5 m', '-5m', '1.5h', '5w', '1000000s'])('%j is none', text => {
  expect(() => parseDuration(text)).toThrow(/is no duration/)
})
