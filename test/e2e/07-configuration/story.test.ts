import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { compiled } from '../../../config/paths.ts'
import { createPki, writeIdentity } from '../../world/pki.ts'

/** What an administrator sees when the configuration is wrong: every fault on standard error, nothing started, exit status 1. */
let folder: string
let file: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-configuration-'))
  file = join(folder, 'pli.yaml')
  const listen = { host: '127.0.0.1', port: 0 }
  const trust = { anchors: ['root.pem'], crls: ['root.crl'] }
  const wrong = {
    name: 'Opérateur',
    hostname: 'NOT a host',
    domains: ['a.test'],
    postmaster: 'postmaster@a.test',
    data: 'data',
    masterKeys: { file: 'master.keys' },
    mailboxes: { publicKey: 'mailboxes.pub' },
    listen: { submission: listen, submissions: listen, reception: listen },
    tls: { certificate: 'own.pem', key: 'own.key', ...trust },
    signature: { certificate: 'own.pem', key: 'own.key' },
    whiteList: { file: 'list.xml', ...trust, signer: 'alb.test' },
    directory: { file: 'directory.sqlite' },
    rejectUnauthorized: false,
  }
  writeFileSync(file, stringify(wrong))
})
afterAll(() => rmSync(folder, { recursive: true }))

function pli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiled('gateway/cli/pli'), ...args], { encoding: 'utf8' })
  return { status, stdout, stderr: stderr.replaceAll(folder, '') }
}

test.each([['check'], ['serve', '-c']])('pli %s refuses and lists every fault', (...command) => {
  const { status, stdout, stderr } = pli(...command, file)
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^pli: \/pli\.yaml cannot be used:\n/)
  const faults = stderr.split('\n').filter(line => line.startsWith('  - '))
  expect(faults).toEqual([
    '  - hostname: a lower-case host name',
    expect.stringMatching(/^ {2}- the file: .*rejectUnauthorized/),
    '  - masterKeys.file: /master.keys: cannot be read',
    '  - mailboxes.publicKey: /mailboxes.pub: cannot be read',
    '  - tls.certificate, signature.certificate: /own.pem: cannot be read',
    '  - tls.key, signature.key: /own.key: cannot be read',
    '  - tls.anchors, whiteList.anchors: /root.pem: cannot be read',
    '  - tls.crls, whiteList.crls: /root.crl: cannot be read',
    '  - whiteList.file: /list.xml: cannot be read',
    '  - directory.file: /directory.sqlite: cannot be read',
  ])
})

test('keys, lists and secrets that can not be used are all told, and no secret is', async () => {
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const trust = await pki.write(join(folder, 'pki'))
  const issued = await pki.issue({ kind: 'server', commonName: 'smtp.a.test', organization: 'A', structure: '1759999029', key: 'ec' })
  const listen = { host: '127.0.0.1', port: 0 }
  const [secret, empty] = [join(folder, 'psc.secret'), join(folder, 'empty.pem')]
  writeFileSync(secret, 'tout-le-monde-lit', { mode: 0o644 })
  writeFileSync(empty, 'nothing')
  const introspection = { url: 'https://psc.test/introspect', clientId: 'pli', clientSecret: secret }
  const signIn = {
    psc: { issuer: 'https://psc.test', jwks: 'https://psc.test/certs', introspection, audience: ['logiciel'], anchors: [empty] },
    certificates: { anchors: [empty], crls: trust.crls },
  }
  const own = await writeIdentity(join(folder, 'keys'), 'own', issued, pki)
  const wrong = {
    name: 'Opérateur',
    hostname: 'smtp.a.test',
    domains: ['a.test'],
    postmaster: 'postmaster@a.test',
    data: 'data',
    masterKeys: { file: empty },
    mailboxes: { publicKey: empty },
    listen: { submission: listen, submissions: listen, reception: listen },
    tls: { ...own, ...trust },
    signature: own,
    whiteList: { file: empty, ...trust, signer: 'alb.test' },
    directory: { file: empty },
    signIn,
  }
  const other = join(folder, 'sign-in.yaml')
  writeFileSync(other, stringify(wrong))
  const { status, stderr } = pli('check', other)
  expect(status).toBe(1)
  expect(stderr.split('\n').slice(1, -1)).toEqual([
    '  - masterKeys: the master key file /empty.pem can be used by others than its owner: chmod 600 it',
    '  - mailboxes: /empty.pem is no public key (PEM)',
    expect.stringMatching(
      /^ {2}- signature: \/keys\/own\.pem: CN=smtp\.a\.test,.*extended key usage does not allow signatures .*SERV S\/MIME belongs here\)$/,
    ),
    '  - signIn.certificates: /empty.pem: no PEM certificate',
    '  - signIn.psc: /empty.pem: no PEM certificate',
    '  - signIn.psc.introspection: the client secret file /psc.secret can be used by others than its owner: chmod 600 it',
    expect.stringMatching(/^ {2}- whiteList: The signature of the white list is refused/),
  ])
  expect(stderr).not.toContain('tout-le-monde-lit')
})

test('pli check --json says the same to a program', () => {
  const { status, stdout, stderr } = pli('check', '--json', file)
  expect(status).toBe(1)
  const { right, faults, warnings } = JSON.parse(stdout)
  expect({ right, warnings }).toEqual({ right: false, warnings: [] })
  expect(stderr.split('\n').filter(line => line.startsWith('  - '))).toHaveLength(faults.length)
  expect(faults).toContain('hostname: a lower-case host name')
})

test('a file that is not there: one sentence, no stack', () => {
  const { status, stderr } = pli('check', join(folder, 'gone.yaml'))
  expect(status).toBe(1)
  expect(stderr).toMatch(/^pli: \/gone\.yaml cannot be used:\n {2}- ENOENT/)
  expect(stderr).not.toContain('    at ')
})

test.each([['--bad'], ['nonsense'], ['serve'], ['check']])('pli %s is bad usage: exit status 2', (...args) => {
  const { status, stdout, stderr } = pli(...args)
  expect(status).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^error: /)
})

test('pli --help and --version are no faults', () => {
  expect(pli('--help')).toMatchObject({ status: 0, stderr: '' })
  expect(pli('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})
