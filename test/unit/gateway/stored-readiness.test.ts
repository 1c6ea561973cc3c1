import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Configuration } from '../../../config/index.ts'
import { createMasterKeyFile, loadIdentity, loadMasterKeys, openVault, signEnveloped } from '../../../crypto/index.ts'
import { dataKey, dataKeyFile } from '../../../gateway/data-key.ts'
import { checkStored } from '../../../gateway/stored-readiness.ts'
import { createPki, type IdentityPaths, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'

/** What `pli check` says of what lies there already: the white list in place, and what the data keys and the master keys open. */
const NOW = Date.now()
const HOUR = 3_600_000
const DOMAIN = 'a.mssante.test'
const folder = mkdtempSync(join(tmpdir(), 'pli-stored-'))
afterAll(() => rmSync(folder, { recursive: true }))

let pki: Pki
let trust: { anchors: string[]; crls: string[] }
let server: Issued
let tls: IdentityPaths
let signer: IdentityPaths
let other: IdentityPaths
let data: string
let list: string
let masterKeys: string
let count = 0

beforeAll(async () => {
  pki = await createPki({ now: new Date(NOW), key: 'ec' })
  const named = { organization: 'OPERATEUR A', structure: '1759999029', key: 'ec' } as const
  server = await pki.issue({ kind: 'server', commonName: 'smtp.a.mssante.test', ...named })
  tls = await writeIdentity(folder, 'server', server, pki)
  // An XML signature takes RSA.
  const signing = { ...named, kind: 'signature', key: 'rsa' } as const
  signer = await writeIdentity(folder, 'signer', await pki.issue({ ...signing, commonName: 'liste-blanche.test' }), pki)
  other = await writeIdentity(folder, 'other', await pki.issue({ ...signing, commonName: 'autre.test' }), pki)
  trust = await pki.write(join(folder, 'igc'))
})
beforeEach(() => {
  data = join(folder, `data-${++count}`)
  list = join(folder, `list-${count}.xml`)
  masterKeys = join(folder, `master-${count}.keys`)
  createMasterKeyFile(masterKeys)
  writeList()
})

function writeList({ domain = DOMAIN, cn = 'smtp.a.mssante.test', age = HOUR, by = signer } = {}): void {
  const dn = server.subject.map(rdn => (rdn.type === 'CN' ? { ...rdn, value: cn } : rdn))
  const sign = (xml: string) => signEnveloped(xml, { identity: loadIdentity(by), where: 'end-of-root' })
  writeFileSync(list, buildWhiteList({ entries: [{ domain, dn }], generatedAt: new Date(NOW - age), sign }))
}

function check(changes: object = {}) {
  const whiteList = { file: list, ...trust, authorities: [], signer: 'liste-blanche.test', maxAge: 72 * HOUR, ...changes }
  const own = { ...tls, ...trust, authorities: [] }
  return checkStored({ data, domains: [DOMAIN], tls: own, whiteList, masterKeys: { file: masterKeys } } as unknown as Configuration, NOW)
}

test('a list that gives our name for our domain, and no data yet: nothing to say, and nothing is written', async () => {
  expect(await check()).toEqual({ faults: [], warnings: [] })
  expect(readdirSync(folder)).not.toContain(`data-${count}`)
})

test.each<[string, Parameters<typeof writeList>[0], RegExp]>([
  [
    'does not list our domain',
    { domain: 'b.mssante.test' },
    /^whiteList: the list does not give our name CN=smtp\.a\.mssante\.test,.* for a\.mssante\.test \(it does not list the domain\): .*refuse/,
  ],
  ['gives another name', { cn: 'old.a.mssante.test' }, /for a\.mssante\.test \(it gives CN=old\.a\.mssante\.test,.*\): /],
  ['is old', { age: 80 * HOUR }, /^whiteList: the list was generated on .*, longer ago than whiteList\.maxAge; it stays in use/],
])('a list that %s: a warning', async (_, content, words) => {
  writeList(content)
  expect(await check()).toEqual({ faults: [], warnings: [expect.stringMatching(words)] })
})

test.each<[string, () => void, RegExp]>([
  ['cut', () => writeFileSync(list, '<Liste'), /^whiteList: .*white list/],
  ['of another signer', () => writeList({ by: other }), /^whiteList: .*white list/],
])('a list that is %s: a fault, as the start says', async (_, change, words) => {
  change()
  expect(await check()).toEqual({ faults: [expect.stringMatching(words)], warnings: [] })
})

test('a list that is not there yet is a warning where it is fetched, and a fault elsewhere', async () => {
  rmSync(list)
  expect(await check({ url: 'https://list.test/' })).toEqual({
    faults: [],
    warnings: [expect.stringMatching(/the first start fetches it/)],
  })
  expect(await check()).toEqual({ faults: [expect.stringMatching(/^whiteList: /)], warnings: [] })
})

test('whether its signer was revoked is known once the first start has fetched the lists: a warning until then', async () => {
  const authorities = [{ certificate: trust.anchors[1]!, crl: 'http://crl.test/organisations.crl' }]
  const fetched = { anchors: [trust.anchors[0]!], crls: [trust.crls[0]!], authorities }
  expect(await check(fetched)).toEqual({ faults: [], warnings: [expect.stringMatching(/^whiteList: .*the start fetches its list/)] })
  const ended = await pki.write(join(folder, 'ended'), { nextUpdate: new Date(NOW - HOUR) })
  expect(await check({ ...fetched, crls: [trust.crls[0]!, ended.crls[1]!] })).toEqual({
    faults: [],
    warnings: [expect.stringMatching(/^whiteList: .*the start fetches its list/)],
  })
  const { faults } = await check({ ...fetched, authorities: [{ certificate: trust.anchors[1]! }] })
  expect(faults).toEqual([expect.stringMatching(/^whiteList: The signature of the white list is refused/)]) // nobody will fetch it
})

describe('what is sealed', () => {
  const vault = () => openVault(loadMasterKeys({ file: masterKeys }))
  const fill = () => {
    const made = vault()
    for (const name of ['patients', 'console'] as const) dataKey(data, name, made)
  }
  test('the data keys and the letters under the present master key: nothing to say', async () => {
    mkdirSync(join(data, 'messages'), { recursive: true })
    fill()
    writeFileSync(join(data, 'messages', 'one'), vault().seal('one', Buffer.from('x')))
    expect(await check()).toEqual({ faults: [], warnings: [] })
    rmSync(masterKeys)
    createMasterKeyFile(masterKeys)
    const { faults } = await check()
    expect(faults).toEqual([
      expect.stringMatching(
        /^masterKeys: 3 files in the data folder are under key [0-9a-f]{8}, which is not among them: they cannot be opened/,
      ),
      expect.stringMatching(/^data: .*patients\.key does not hold the key that was put there/),
      expect.stringMatching(/^data: .*console\.key does not hold/),
    ])
  })
  test('a folder that cannot be looked into: a fault', async () => {
    mkdirSync(data)
    writeFileSync(join(data, 'messages'), 'no folder')
    expect(await check()).toEqual({ faults: [expect.stringMatching(/^data: ENOTDIR.*messages/)], warnings: [] })
  })
  test('a data key that was cut: a fault, and it is left as it is', async () => {
    mkdirSync(data)
    fill()
    const { file } = dataKeyFile(data, 'patients')
    writeFileSync(file, readFileSync(file).subarray(0, 90))
    expect(await check()).toEqual({ faults: [expect.stringMatching(/^data: .*patients\.key/)], warnings: [] })
    expect(readFileSync(file)).toHaveLength(90)
  })
})
