import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { openAudit } from '../../../crypto/index.ts'
import { recipientCertificateCommands } from '../../../gateway/cli/directory-certificate.ts'
import { openData } from '../../../gateway/data.ts'
import { type CertificateRequest, createPki, type Issued, type Pki, selfSigned } from '../../world/pki.ts'

const BOX = 'camille.fictif@b.test'
const DAY = 86_400_000

let folder: string
let config: string
let pki: Pki
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-certificate-cli-'))
  pki = await createPki({ now: new Date(), key: 'ec' })
  for (const name of ['own.pem', 'own.key', 'list.xml', 'directory.sqlite', 'master.keys', 'mailboxes.pub'])
    writeFileSync(join(folder, name), '')
  const listen = (port: number) => ({ host: '127.0.0.1', port })
  config = join(folder, 'pli.yaml')
  writeFileSync(
    config,
    stringify({
      name: 'Opérateur',
      hostname: 'smtp.a.test',
      domains: ['a.test'],
      postmaster: 'postmaster@a.test',
      data: 'data',
      listen: { submission: listen(587), submissions: listen(465), reception: listen(25) },
      tls: { certificate: 'own.pem', key: 'own.key', ...(await pki.write(folder)) },
      signature: { certificate: 'own.pem', key: 'own.key' },
      whiteList: { file: 'list.xml', ...(await pki.write(folder)), signer: 'alb.test' },
      masterKeys: { file: 'master.keys' },
      mailboxes: { publicKey: 'mailboxes.pub' },
      directory: { file: 'directory.sqlite' },
    }),
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(...args: string[]): Promise<string> {
  const said: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation(text => said.push(String(text)) > 0)
  const silent = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  try {
    const program = new Command()
    recipientCertificateCommands(program)
    for (const command of [program, ...program.commands.flatMap(each => [each, ...each.commands])]) command.exitOverride()
    await program.parseAsync(['certificate', ...args, '-c', config], { from: 'user' })
    return said.join('')
  } finally {
    write.mockRestore()
    silent.mockRestore()
  }
}

async function issued(change: Partial<CertificateRequest> = {}): Promise<string> {
  const issue = {
    kind: 'mail',
    commonName: 'FICTIF CAMILLE',
    organization: 'FICTIF',
    structure: '1759999070',
    key: 'ec',
    emails: [BOX],
  } as const
  return written(await pki.issue({ ...issue, ...change }))
}

function written({ certificatePem, serial }: Issued): string {
  const file = join(folder, `${serial.toString('hex')}.pem`)
  writeFileSync(file, certificatePem)
  return file
}

const list = async () =>
  JSON.parse(await run('list', '--json')) as { subject: string; state: string; fingerprint: string; source: string }[]

test('what is entered is listed with what it is good for, and removed again; the audit log says by whom', async () => {
  expect(await run('add', BOX.toUpperCase(), await issued(), '--by', 'camille')).toMatch(
    new RegExp(`^mail to ${BOX} is encrypted to CN=FICTIF CAMILLE,.*\\nSHA-256 [0-9a-f]{64}, until \\d{4}-\\d\\d-\\d\\d, usable\\n$`),
  )
  expect(await run('add', 'b.test', await issued())).toContain('note: it names neither b.test nor its authority')
  expect(await list()).toMatchObject([
    { subject: 'b.test', state: 'usable', source: 'operator' },
    { subject: BOX, state: 'usable', source: 'operator' },
  ])
  const [ofDomain] = await list()
  expect(await run('remove', 'b.test', ofDomain!.fingerprint.slice(0, 12).toUpperCase())).toContain(
    `removed ${ofDomain?.fingerprint} of b.test`,
  )
  expect(await run('remove', BOX)).toContain(`of ${BOX}`)
  expect(await run('list')).toBe('no certificate is known\n')
  await expect(run('remove', BOX)).rejects.toThrow(`no such certificate of ${BOX} is known`)
  const db = await openData(join(folder, 'data'))
  const lines = await openAudit(db, { now: Date.now }).list()
  await db.close()
  expect(lines.map(({ by, action, object }) => `${by.split(':')[0]} ${action} ${object}`)).toEqual([
    `cli certificate.add ${BOX}`,
    'cli certificate.add b.test',
    'cli certificate.remove b.test',
    `cli certificate.remove ${BOX}`,
  ])
  expect(lines[0]?.by).toBe('cli:camille')
})

test.each<[string, () => Promise<string>, RegExp]>([
  ['no certificate', async () => config, /no certificate, PEM or DER, is in it$/],
  ['one of another authority', async () => written(await selfSigned(BOX, new Date())), /not-from-anchors: .* self-signed$/],
  ['one for servers', () => issued({ kind: 'server', emails: [] }), /wrong-usage: .* encryption$/],
  ['one that signs only', () => issued({ kind: 'signature' }), /wrong-usage: .* encryption$/],
  ['one of an elliptic curve that agrees on no key', () => issued({ keyUsage: ['digitalSignature', 'keyEncipherment'] }), /wrong-usage/],
  ['one that has expired', () => issued({ notBefore: new Date(Date.now() - 9 * DAY), notAfter: new Date(Date.now() - DAY) }), /expired/],
])('%s is refused, and nothing is kept', async (_, file, words) => {
  await expect(run('add', BOX, await file())).rejects.toThrow(words)
  expect(await list()).toEqual([])
})

test.each([
  ['a box of ours', 'dr.fictif@a.test', 'a.test is ours'],
  ['a patient', '185017512345678@patient.mssante.fr', 'the address of a patient'],
  ['no address', 'b test', 'a mail address, or a domain'],
])('%s has none here', async (_, subject, words) => {
  await expect(run('add', subject, await issued())).rejects.toThrow(words)
})
