import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Anchors, type Identity, loadAnchors, loadIdentity, signEnveloped, verifyEnveloped } from '../../../crypto/index.ts'
import { dnFromRdns, loadWhiteList } from '../../../directory/index.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { createPki, type Issued, type Pki, writeIdentity } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'

const NOW = new Date('2026-03-02T05:00:00Z')
const SIGNER = 'alb.mssante.example'
const folder = mkdtempSync(join(tmpdir(), 'pli-signed-list-'))
const file = join(folder, 'list.xml')

let pki: Pki
let relay: Issued
let signer: Identity
let anchors: Anchors
let list: string

beforeAll(async () => {
  pki = await createPki({ now: NOW })
  const common = { organization: 'OPÉRATEUR FICTIF', structure: '1809991013' }
  relay = await pki.issue({ kind: 'server', commonName: 'mx.fictif.example', ...common })
  signer = loadIdentity(await writeIdentity(folder, 'signer', await pki.issue({ kind: 'signature', commonName: SIGNER, ...common }), pki))
  anchors = loadAnchors(await pki.write(folder))
  list = built(xml => signEnveloped(xml, { identity: signer, where: 'end-of-root' }))
})

afterAll(() => rmSync(folder, { recursive: true }))

function built(sign: (xml: string) => string, domain = 'alpha.mssante.example'): string {
  return buildWhiteList({ entries: [{ domain, dn: relay.subject }], generatedAt: NOW, sign })
}

function load(xml: string, signerName = SIGNER) {
  writeFileSync(file, xml)
  return loadWhiteList(file, { verify: text => verifyEnveloped(text, { anchors, at: NOW, signerName }), now: () => NOW.getTime() })
}

describe('a list signed by its publisher', () => {
  test('allows the subject of the certificate that it names', async () => {
    expect((await load(list)).allows('alpha.mssante.example', dnFromRdns(relay.subject))).toBe(true)
  })

  test.each([
    ['without a signature', () => built(xml => xml)],
    ['with one domain changed', () => list.replace('<Nom>alpha', '<Nom>gamma')],
    ['with one letter of a name changed', () => list.replace('CN=mx.', 'CN=my.')],
    [
      'with an entry put in',
      () => list.replace('<Domaine>', `${/<Domaine>[\s\S]*<\/Domaine>/.exec(built(xml => xml, 'evil.example'))?.[0]}<Domaine>`),
    ],
    [
      'wrapped into another list',
      () => built(xml => xml, 'evil.example').replace('</ListeDomaines>', `</ListeDomaines>${list.slice(list.indexOf('?>') + 2)}`),
    ],
    ['cut short', () => list.slice(0, -40)],
  ])('%s is refused', async (_, xml) => {
    await expect(load(xml())).rejects.toMatchObject({ name: 'WhiteListFault', reason: 'signature' })
  })

  test('by another holder of a right certificate is refused', async () => {
    await expect(load(list, 'another.mssante.example')).rejects.toMatchObject({ reason: 'signature' })
  })
})

describe.skipIf(!hasCorpus)('the published lists', () => {
  const AT = new Date('2025-03-01T00:00:00Z')

  /** The certificate inside the list, pinned: its chain is not in the test data. */
  function publisher(): Anchors {
    const xml = readFileSync(corpus('whitelist', 'valid', 'listeblanchemssante.xml'), 'utf8')
    const base64 = /<X509Certificate>([\s\S]*?)<\/X509Certificate>/.exec(xml)?.[1]?.replaceAll('&#13;', '')
    const pinned = join(folder, 'publisher')
    mkdirSync(pinned, { recursive: true })
    writeFileSync(join(pinned, 'signer.pem'), `-----BEGIN CERTIFICATE-----\n${base64?.trim()}\n-----END CERTIFICATE-----\n`)
    return loadAnchors({ anchors: [join(pinned, 'signer.pem')], crls: [] })
  }

  const open = (using: Anchors, ...path: string[]) =>
    loadWhiteList(corpus('whitelist', ...path), {
      verify: xml => verifyEnveloped(xml, { anchors: using, at: AT }),
      now: () => AT.getTime(),
    })

  test('the whole one is verified and read', async () => {
    const { entries, dns, names } = await open(publisher(), 'valid', 'listeblanchemssante.xml')
    expect([entries, dns, names]).toEqual([6494, 391, 383])
  })

  test.each([
    ['valid', 'listeblanchemssante.xml', 'whose signer is not one of ours'],
    ['tampered', '3.xml', 'that was tampered with'],
    ['unsigned', '2.xml', 'without a signature'],
    ['truncated', 'listeblanchemssante.xml', 'that is cut'],
  ])('%s/%s: a list %s is refused', async (kind, name) => {
    await expect(open(kind === 'valid' ? anchors : publisher(), kind, name)).rejects.toMatchObject({ reason: 'signature' })
  })
})
