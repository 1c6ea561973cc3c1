import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { dnFromRdns, loadWhiteList, parseDn, type Rdn, WhiteListFault } from '../../../directory/index.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { buildWhiteList, type FictionalEntry } from '../../world/white-list.ts'

const folder = mkdtempSync(join(tmpdir(), 'pli-white-list-'))
const generatedAt = new Date('2026-03-02T05:00:00Z')
const subject = (commonName: string): Rdn[] => [
  { type: 'C', value: 'FR' },
  { type: 'ST', value: 'Somme (80)' },
  { type: 'O', value: 'OPÉRATEUR  FICTIF & FILS' },
  { type: 'OU', value: '1809991013' },
  { type: 'CN', value: commonName },
]
const ENTRIES: FictionalEntry[] = [
  { domain: 'alpha.mssante.example', dn: subject('mx1.alpha.example'), description: 'sur deux\nlignes' },
  { domain: 'alpha.mssante.example', dn: subject('mx2.alpha.example') },
  { domain: 'beta.mssante.example', dn: subject('mx2.alpha.example') },
  { domain: 'beta.mssante.example', dn: subject('mx2.alpha.example') },
]
const unsigned = (xml: string) => xml
const built = buildWhiteList({ entries: ENTRIES, generatedAt, sign: unsigned })

afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
async function load(xml: string | Buffer, options: { verify?: (xml: string) => { signed: string }; now?: number } = {}) {
  const file = join(folder, `${files++}.xml`)
  writeFileSync(file, xml)
  const now = options.now ?? generatedAt.getTime()
  return loadWhiteList(file, { verify: options.verify ?? (signed => ({ signed })), now: () => now })
}

/** @returns the reason of the fault that loading ends with */
async function refusal(xml: string | Buffer, options?: Parameters<typeof load>[1]): Promise<string> {
  const error = await load(xml, options).catch(fault => fault)
  expect(error).toBeInstanceOf(WhiteListFault)
  return error.reason
}

describe('a list that is in order', () => {
  test('allows each domain the names listed for it, and no other', async () => {
    const list = await load(built)
    const first = parseDn('CN=mx1.alpha.example,OU=1809991013,O="OPÉRATEUR  FICTIF & FILS",ST=Somme (80),C=FR')
    const second = dnFromRdns(subject('mx2.alpha.example'))
    expect(list.dnsOf('alpha.mssante.example').map(dn => dn.key)).toEqual([first.key, second.key])
    expect(list.allows('alpha.mssante.example', first)).toBe(true)
    expect(list.allows('beta.mssante.example', first)).toBe(false)
    expect(list.domainsOf(second)).toEqual(['alpha.mssante.example', 'beta.mssante.example'])
    expect([list.lists(first), list.lists(parseDn('CN=mx1.alpha.example'))]).toEqual([true, false])
  })

  test('counts its entries, double ones included', async () => {
    const { entries, dns, skipped, generatedAt: date } = await load(built)
    expect({ entries, dns, skipped, date }).toEqual({ entries: 4, dns: 2, skipped: [], date: generatedAt })
  })

  test.each([
    'mssante.example',
    'x.alpha.mssante.example',
    'ALPHA.mssante.example',
    'alpha.mssante.example.',
    '',
    '__proto__',
    '\u212Aalpha.mssante.example',
  ])('knows nothing of the domain %j', async domain => {
    const list = await load(built)
    expect(list.dnsOf(domain)).toEqual([])
    expect(list.allows(domain, list.dnsOf('alpha.mssante.example')[0] ?? parseDn('CN=x'))).toBe(false)
  })

  test('is read from the signed bytes only', async () => {
    const evil = buildWhiteList({ entries: [{ domain: 'evil.example', dn: subject('evil') }], generatedAt, sign: unsigned })
    const list = await load(evil, { verify: () => ({ signed: built }) })
    expect(list.dnsOf('evil.example')).toEqual([])
    expect(list.dnsOf('beta.mssante.example').length).toBe(1)
  })

  test('puts one unreadable entry aside, which then allows nothing', async () => {
    const list = await load(
      buildWhiteList({ entries: [...ENTRIES, { domain: 'gamma.mssante.example', dn: 'CN=a+OU=b' }], generatedAt, sign: unsigned }),
    )
    expect(list.skipped.map(({ domain }) => domain)).toEqual(['gamma.mssante.example'])
    expect(list.dnsOf('gamma.mssante.example')).toEqual([])
    expect(list.entries).toBe(5)
  })
})

describe('a list that must not be used', () => {
  const field = (name: string) => new RegExp(`\\s*<${name}>[^<]*</${name}>`)

  test('a refused signature', async () => {
    const verify = () => {
      throw new Error('digest does not match')
    }
    expect(await refusal(built, { verify })).toBe('signature')
  })

  test('a file that is not there', async () => {
    await expect(loadWhiteList(join(folder, 'none.xml'), { verify: xml => ({ signed: xml }) })).rejects.toMatchObject({
      reason: 'unreadable',
    })
  })

  test.each([
    ['cut', built.slice(0, -100), 'not-well-formed'],
    ['cut at an element', built.slice(0, built.lastIndexOf('</ListeBlanche')), 'not-well-formed'],
    ['empty file', '', 'not-well-formed'],
    ['an entity of its own', built.replace('Domaine fictif', '&xxe;'), 'not-well-formed'],
    ['a DTD', built.replace('<ListeBlancheMSSante', '<!DOCTYPE a [<!ENTITY x "y">]><ListeBlancheMSSante'), 'schema'],
    ['another namespace', built.replace('listeblanche.mssante.fr/schema', 'example.org/schema'), 'schema'],
    ['no namespace', built.replace(/ xmlns="[^"]*"/, ''), 'schema'],
    ['a field missing', built.replace(field('SupportContact'), ''), 'schema'],
    ['the last field missing', built.replace(field('DateMAJ'), ''), 'schema'],
    ['no list of domains', built.replace(/<ListeDomaines>[\s\S]*<\/ListeDomaines>/, ''), 'schema'],
    ['a field twice', built.replace(field('Nom'), '$&$&'), 'schema'],
    ['two fields exchanged', built.replace(/(<Nom>.*<\/Nom>)\s*(<Description>[^<]*<\/Description>)/, '$2$1'), 'schema'],
    ['an unknown field', built.replace('<Nom>', '<Ip>127.0.0.1</Ip><Nom>'), 'schema'],
    ['an element in a field', built.replace('<Nom>', '<Nom><b/>'), 'schema'],
    ['text between fields', built.replace('</Nom>', '</Nom>text'), 'schema'],
    ['an attribute', built.replace('<Nom>', '<Nom id="1">'), 'schema'],
    ['a signature left in the signed bytes', built.replace('</ListeDomaines>', '</ListeDomaines><Signature/>'), 'schema'],
    ['no date of generation', built.replace(field('DateDeGeneration'), ''), 'schema'],
    ['a date that is none', built.replace('<DateMAJ>2026', '<DateMAJ>2026-99'), 'date'],
    ['a date without time zone', built.replace('05:00:00Z</DateDeGeneration>', '05:00:00</DateDeGeneration>'), 'date'],
    ['bytes that are not UTF-8', Buffer.from(built, 'latin1'), 'not-utf8'],
  ])('%s', async (_, xml, reason) => {
    expect(await refusal(xml)).toBe(reason)
  })

  test('no entry', async () => {
    expect(await refusal(buildWhiteList({ entries: [], generatedAt, sign: unsigned }))).toBe('empty')
  })

  test('several entries that cannot be read', async () => {
    const wrong = ['CN=', 'OU'].map(dn => ({ domain: 'gamma.mssante.example', dn }))
    expect(await refusal(buildWhiteList({ entries: [...ENTRIES, ...wrong], generatedAt, sign: unsigned }))).toBe('unreadable-entries')
  })

  test('generated in two days', async () => {
    expect(await refusal(built, { now: generatedAt.getTime() - 2 * 86_400_000 })).toBe('future')
  })
})

describe.skipIf(!hasCorpus)('the published lists, their signature taken away', () => {
  const signed = (xml: string) => ({
    signed: xml.replace(/<Signature xmlns="http:\/\/www\.w3\.org\/2000\/09\/xmldsig#">[\s\S]*<\/Signature>/, ''),
  })
  const open = (...path: string[]) => loadWhiteList(corpus('whitelist', ...path), { verify: signed, now: () => Date.parse('2026-03-02') })

  test('the whole one is read, every entry of it', async () => {
    const list = await open('valid', 'listeblanchemssante.xml')
    expect([list.entries, list.dns, list.names, list.skipped.length]).toEqual([6494, 391, 383, 0])
    expect(list.dnsOf('15-20.mssante.fr').length).toBe(5)
    expect(list.dnsOf('mssante.apicrypt.org').length).toBe(2)
    expect(Math.max(...list.dnsOf('15-20.mssante.fr').map(dn => list.domainsOf(dn).length))).toBeGreaterThan(200)
  })

  test('the cut one and the re-serialised one are refused', async () => {
    await expect(open('truncated', 'listeblanchemssante.xml')).rejects.toMatchObject({ reason: 'not-well-formed' })
    await expect(open('unsigned', '2.xml')).rejects.toMatchObject({ reason: 'schema' })
  })
})
