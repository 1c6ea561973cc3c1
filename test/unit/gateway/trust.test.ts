import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadAnchors, loadIdentity } from '../../../crypto/index.ts'
import { dnFromRdns, loadWhiteList, parseDn } from '../../../directory/index.ts'
import { Refusal } from '../../../gateway/refusals.ts'
import { openTrust, type Trust } from '../../../gateway/trust.ts'
import { trustedSpace } from '../../../gateway/white-list.ts'
import { createPki, writeIdentity } from '../../world/pki.ts'
import { buildWhiteList } from '../../world/white-list.ts'

/** What a peer is told, and by which name it is known: the list and the names are real, only the handshake is left out. */
const folder = mkdtempSync(join(tmpdir(), 'pli-trust-'))
const CONTACT = 'postmaster@a.mssante.example'
const named = (cn: string, o = 'HÔPITAL FICTIF') => `CN=${cn},OU=1809991013,O=${o},ST=Pyrénées-Atlantiques (64),C=FR`
const long = (cn: string) => named(cn, 'É'.repeat(120))
let trust: Trust

beforeAll(async () => {
  const pki = await createPki({ now: new Date(), key: 'ec' })
  const own = await pki.issue({ kind: 'server', commonName: 'own.example', organization: 'OURS', structure: '1809991013', key: 'ec' })
  const identity = loadIdentity(await writeIdentity(folder, 'own', own, pki))
  const entries = [
    { domain: 'composed.mssante.example', dn: named('mx1').normalize('NFC') },
    { domain: 'decomposed.mssante.example', dn: named('mx2').normalize('NFD') },
    { domain: 'several.mssante.example', dn: named('mx3', 'AUTRE') },
    { domain: 'several.mssante.example', dn: named('mx4', 'AUTRE') },
    { domain: 'long.mssante.example', dn: long('mx5') },
    { domain: 'xn--sant-epa.mssante.example', dn: named('mx6', 'IDN') },
  ]
  const file = join(folder, 'list.xml')
  writeFileSync(file, buildWhiteList({ entries, generatedAt: new Date(), sign: xml => xml }))
  const list = await loadWhiteList(file, { verify: xml => ({ signed: xml }) })
  trust = openTrust({
    anchors: loadAnchors(await pki.write(folder)),
    identity: () => identity,
    space: trustedSpace(list),
    contact: CONTACT,
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The peer whose certificate has this subject; its accents stand as they are given. */
const peer = (text: string) => ({ name: dnFromRdns(parseDn(text).rdns.map(({ type }, at) => ({ type, value: raw(text, at) }))).toString() })
const raw = (text: string, at: number) =>
  text
    .split(',')
    .reverse()
    [at]!.replace(/^[^=]*=/, '')

function refusal(text: string, domain?: string): Refusal {
  try {
    trust.checkPeer(peer(text), domain)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  return expect.fail('not refused')
}

describe('accents in one code point or in two are one name (directory/README.md)', () => {
  test.each([
    ['a certificate in NFD, a list in NFC', named('mx1').normalize('NFD'), 'composed.mssante.example'],
    ['a certificate in NFC, a list in NFD', named('mx2').normalize('NFC'), 'decomposed.mssante.example'],
    ['both in NFD', named('mx2').normalize('NFD'), 'decomposed.mssante.example'],
  ])('%s', (_, subject, domain) => {
    expect(trust.checkPeer(peer(subject), domain)).toBe(parseDn(subject).toString())
    expect(trust.mayWriteAs(peer(subject).name, domain)).toBe(true)
  })

  test('an accent that is missing is another name', () => {
    expect(refusal(named('mx1').replace('Ô', 'O'), 'composed.mssante.example').reason).toBe('peerNotListed')
  })
})

describe('the sentence', () => {
  test('of another CN of the same operator says which one is listed', () => {
    const { reason, message } = refusal(named('mx9', 'AUTRE'), 'several.mssante.example')
    expect(reason).toBe('peerNameDiffers')
    expect(message).toContain('shown CN=mx9,OU=1809991013,O=AUTRE,')
    expect(message).toContain('expected CN=mx3,OU=1809991013,O=AUTRE,')
    expect(message).toMatch(new RegExp(`; ask ${CONTACT}$`))
  })

  test('of a name that is listed elsewhere says that it is not this domain’s, even when only its CN differs', () => {
    const { reason, message } = refusal(named('mx2'), 'composed.mssante.example')
    expect(reason).toBe('peerNotListed')
    expect(message).toContain('expected CN=mx1,')
  })

  test('counts the names that it does not quote', () => {
    expect(refusal(named('mx9', 'QUELQU’UN'), 'several.mssante.example').message).toMatch(/expected CN=mx3,.* or 1 more; ask /)
  })

  test('of a domain outside the space names the domain', () => {
    expect(refusal(named('mx1'), 'xn--bta-rdd.mssante.example').message).toContain(': xn--bta-rdd.mssante.example is not in the list; ask ')
    expect(refusal(named('mx9'), undefined).message).toMatch(/: CN=mx9,.* is not in the list; ask /)
  })

  test('is ASCII, and escapes accents so that no two names look alike', () => {
    const { message } = refusal(named('mx9'), 'composed.mssante.example')
    expect(message).toContain('O=H\\C3\\94PITAL FICTIF,ST=Pyr\\C3\\A9n\\C3\\A9es-Atlantiques (64)')
    expect(message).toMatch(/^[\x20-\x7e]+$/)
    const shown = /shown (.*), expected/.exec(message)?.[1] ?? ''
    expect(parseDn(shown).equals(parseDn(named('mx9')))).toBe(true)
  })

  test('fits in a reply line (RFC 5321 §4.5.3.1.5), and its end is never cut', () => {
    for (const subject of [long('mx9'), long('m'.repeat(300))]) {
      const { code, status, message } = refusal(subject, 'long.mssante.example')
      expect(`${code} ${status} ${message}\r\n`.length).toBeLessThanOrEqual(512)
      expect(message).toMatch(new RegExp(`\\.\\.\\.; ask ${CONTACT}$`))
    }
  })
})

describe('a faulty certificate', () => {
  test.each([
    ['expired', 550, 'peerExpired'],
    ['revoked', 550, 'peerRevoked'],
    ['not-from-anchors', 550, 'peerNotFromAuthority'],
    ['no-certificate', 550, 'peerRefused'],
    ['wrong-usage', 550, 'peerRefused'],
    ['not-yet-valid', 550, 'peerRefused'],
    ['unreadable', 550, 'peerRefused'],
    ['revocation-unknown', 451, 'peerUncheckable'], // the fault is ours: the letter waits, it is not lost
  ] as const)('%s: %i %s', (why, code, reason) => {
    const refused = { kind: 'refused', why, detail: 'in a few words' } as const
    expect(() => trust.checkPeer({ refused }, 'composed.mssante.example')).toThrow(
      expect.objectContaining({ code, reason, message: expect.stringMatching(new RegExp(`: ${why}, in a few words; ask ${CONTACT}$`)) }),
    )
  })

  test('no TLS at all', () => {
    expect(() => trust.checkPeer(undefined, 'composed.mssante.example')).toThrow(
      expect.objectContaining({ code: 530, reason: 'tlsRequired' }),
    )
  })
})

describe('a recipient’s domain', () => {
  test.each(['composed.mssante.example', 'xn--sant-epa.mssante.example'])('%s is in the space', domain => {
    expect(() => trust.checkDomain(domain)).not.toThrow()
  })

  test.each([
    'mssante.example',
    'x.composed.mssante.example',
    'composed.mssante.example.',
    'santé.mssante.example',
    'COMPOSED.mssante.example',
    '',
  ])('%j is not: names are matched exactly', domain => {
    expect(() => trust.checkDomain(domain)).toThrow(expect.objectContaining({ reason: 'domainNotTrusted' }))
    expect(trust.isListed(domain)).toBe(false)
  })
})
