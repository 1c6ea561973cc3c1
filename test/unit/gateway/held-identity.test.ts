import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Log, silent } from '../../../config/index.ts'
import { loadIdentity, loadOpener, type PemFiles } from '../../../crypto/index.ts'
import { type HeldIdentity, holdIdentity } from '../../../gateway/certificates/held-identity.ts'
import { createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'

const NOW = new Date('2026-11-22T08:00:00Z')
const DAY = 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'pli-held-'))
afterAll(() => rmSync(folder, { recursive: true }))

let pki: Pki
let [first, second]: Issued[] = []
let paths: IdentityPaths
let held: HeldIdentity
let said: { event: string; detail: Record<string, unknown> }[]
let now: number
const note = (event: string, detail: Record<string, unknown> = {}) => void said.push({ event, detail })
const log: Log = { ...silent, info: note, warn: note, error: note }

const request = { kind: 'server', commonName: 'smtp.test', organization: 'X', structure: '1000000000', key: 'ec' } as const

beforeAll(async () => {
  pki = await createPki({ now: NOW, key: 'ec' })
  first = await pki.issue(request)
  second = await pki.issue({ ...request, notAfter: new Date(NOW.getTime() + 900 * DAY) })
})
beforeEach(async () => {
  said = []
  now = NOW.getTime()
  paths = await writeIdentity(folder, 'own', first!, pki)
  held = hold()
})

const hold = (files: PemFiles = paths) => holdIdentity('tls', files, { load: () => loadIdentity(files, new Date(now)), log })
const serial = () => held.current().facts.serial
const serialOf = (issued: Issued | undefined) => issued?.serial.toString('hex')

test('what did not change is left alone', () => {
  expect([held.renew(), held.renew()]).toEqual([false, false])
  expect(serial()).toBe(serialOf(first))
  expect(said).toEqual([])
})

test('a renewed pair is taken once it has stood still between two looks, and told with its name and end', async () => {
  await writeIdentity(folder, 'own', second!, pki)
  expect(held.renew()).toBe(false)
  expect(serial()).toBe(serialOf(first))
  expect(held.renew()).toBe(true)
  expect(serial()).toBe(serialOf(second))
  expect(held.renew()).toBe(false)
  const until = new Date(NOW.getTime() + 900 * DAY).toISOString()
  expect(said).toEqual([
    { event: 'certificate-renewed', detail: { place: 'tls', name: 'CN=smtp.test,OU=1000000000,O=X,ST=Paris (75),C=FR', until } },
  ])
})

test('one of another name is taken, and told: others know us by the name, and may refuse us now', async () => {
  const other = await pki.issue({ ...request, commonName: 'other.test' })
  await writeIdentity(folder, 'own', other, pki)
  expect([held.renew(), held.renew()]).toEqual([false, true])
  const [before, name] = ['smtp.test', 'other.test'].map(each => `CN=${each},OU=1000000000,O=X,ST=Paris (75),C=FR`)
  expect(said).toContainEqual({ event: 'certificate-other-name', detail: { place: 'tls', before, name } })
})

test('a torn pair is never taken: the old one serves until the key has come too; it is told once', () => {
  writeFileSync(paths.certificate, second!.certificatePem)
  for (let look = 0; look < 4; look += 1) expect(held.renew()).toBe(false)
  expect(serial()).toBe(serialOf(first))
  expect(said).toEqual([
    { event: 'certificate-refused', detail: { place: 'tls', reason: expect.stringMatching(/own\.pem: the private key is not the one/) } },
  ])
  writeFileSync(paths.key, second!.keyPem)
  expect([held.renew(), held.renew()]).toEqual([false, true])
  expect(serial()).toBe(serialOf(second))
})

test('a certificate that is still being written, its chain to come, is not taken for one without a chain', () => {
  const whole = second!.certificatePem + pki.authorities[1]
  const { chain: _, ...alone } = paths
  writeFileSync(alone.certificate, first!.certificatePem + pki.authorities[1])
  held = hold(alone)
  writeFileSync(alone.certificate, second!.certificatePem)
  writeFileSync(alone.key, second!.keyPem)
  expect(held.renew()).toBe(false)
  writeFileSync(alone.certificate, whole)
  expect([held.renew(), held.renew()]).toEqual([false, true])
  expect(held.current().chainPem).toHaveLength(1)
})

test('files that are away for a moment change nothing', () => {
  renameSync(paths.key, `${paths.key}.away`)
  expect([held.renew(), held.renew()]).toEqual([false, false])
  expect(serial()).toBe(serialOf(first))
  expect(said).toEqual([])
})

test('one that is not valid yet is taken when it is, although its files stay the same', async () => {
  const young = await pki.issue({ ...request, notBefore: new Date(NOW.getTime() + DAY) })
  await writeIdentity(folder, 'own', young, pki)
  for (let look = 0; look < 3; look += 1) expect(held.renew()).toBe(false)
  expect(said.map(({ event }) => event)).toEqual(['certificate-refused'])
  now += 2 * DAY
  expect(held.renew()).toBe(true)
  expect(serial()).toBe(young.serial.toString('hex'))
})

test('one that cannot be used at the start is a fault', () => {
  writeFileSync(paths.certificate, second!.certificatePem)
  expect(hold).toThrow(/the private key is not the one/)
})

test('what opens mail goes on after its end, and can be started with: letters of the last day are under way', () => {
  now = held.current().facts.notAfter.getTime() + DAY
  expect(hold).toThrow(/expired on/)
  const opener = holdIdentity('smime.encryption.0', paths, { load: () => loadOpener(paths), log })
  expect(opener.current().facts.serial).toBe(serialOf(first))
})
