import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DnFault, dnFromRdns, parseDn, type Rdn } from '../../../directory/index.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'

const certificate: Rdn[] = [
  { type: 'C', value: 'FR' },
  { type: 'ST', value: 'Pyrénées-Atlantiques (64)' },
  { type: 'O', value: 'CH  FICTIF "LES ORMES"' },
  { type: 'OU', value: '1649990011' },
  { type: 'CN', value: 'mss.fictif.example' },
]

/** The subject above, O replaced by the text given, as a list might write it. */
const written = (o: string) => `CN=mss.fictif.example,OU=1649990011,O=${o},ST=Pyrénées-Atlantiques (64),C=FR`

describe('names that are the same', () => {
  test.each([
    ['quotes inside a plain value', written('CH  FICTIF "LES ORMES"')],
    ['a quoted value, its own quotes escaped', written('"CH  FICTIF \\"LES ORMES\\""')],
    ['escaped quotes', written('CH  FICTIF \\"LES ORMES\\"')],
    ['a blank after each comma', written('CH  FICTIF "LES ORMES"').replaceAll(',', ', ')],
    ['a blank before a comma', written('CH  FICTIF "LES ORMES" ')],
    ['types in lower case', written('CH  FICTIF "LES ORMES"').replace('CN=', 'cn=').replace('ST=', 'st=')],
    ['types as OIDs', written('CH  FICTIF "LES ORMES"').replace('CN=', '2.5.4.3=').replace('ST=', 'OID.2.5.4.8=')],
    ['accents in two code points', written('CH  FICTIF "LES ORMES"').normalize('NFD')],
    ['bytes of UTF-8', written('CH  FICTIF "LES ORMES"').replace('é', '\\C3\\A9')],
    ['certificate order', written('CH  FICTIF "LES ORMES"').split(',').reverse().join(',')],
  ])('%s', (_, text) => {
    expect(parseDn(text).equals(dnFromRdns(certificate))).toBe(true)
  })
})

describe('names that differ', () => {
  test.each([
    ['L in place of ST', written('CH  FICTIF "LES ORMES"').replace('ST=', 'L=')],
    ['one blank in place of two', written('CH FICTIF "LES ORMES"')],
    ['a no-break space in place of a blank', written('CH\u00a0 FICTIF "LES ORMES"')],
    ['capitals', written('CH  Fictif "LES ORMES"')],
    ['no accents', written('CH  FICTIF "LES ORMES"').replace('é', 'e')],
    ['no quotes', written('CH  FICTIF LES ORMES')],
    ['an attribute more', `${written('CH  FICTIF "LES ORMES"')},DC=example`],
    ['an attribute less', written('CH  FICTIF "LES ORMES"').replace(',C=FR', '')],
    ['an attribute twice', `OU=1649990011,${written('CH  FICTIF "LES ORMES"')}`],
    ['another certificate name', written('CH  FICTIF "LES ORMES"').replace('mss.', 'mss2.')],
    [
      'a value that quotes another attribute',
      written('CH  FICTIF "LES ORMES"\\,ST=Pyrénées-Atlantiques (64)').replace(/,ST=[^,]*,C/, ',C'),
    ],
    ['an escaped blank at the end', written('CH  FICTIF "LES ORMES"\\ ')],
  ])('%s', (_, text) => {
    expect(parseDn(text).equals(dnFromRdns(certificate))).toBe(false)
  })

  test('a no-break space at the end of a name is part of it', () => {
    expect(parseDn('O=A\u00a0,C=FR').equals(parseDn('O=A,C=FR'))).toBe(false)
  })
})

describe('texts that could be read in two ways are refused', () => {
  test.each([
    '',
    ' ',
    'CN',
    'CN=',
    'CN=,C=FR',
    'CN=a,',
    ',CN=a',
    'CN=a,,C=FR',
    '=a',
    'CN=a+OU=b',
    'CN=a;C=FR',
    'CN="a',
    'CN="a" b',
    'CN=a\\',
    'CN=a\\z',
  ])('%j', text => {
    expect(() => parseDn(text)).toThrow(DnFault)
  })

  test.each(['2.5.4.3=#0C0161', 'CN=a\\C3', 'CN=a<b', 'CN=a>b', 'CN=a\0', 'CN=ch, rue C=FR, x'])('%j', text => {
    expect(() => parseDn(text)).toThrow(DnFault)
  })
})

test('any text is read or refused, nothing else happens', () => {
  const text = fc.string({ unit: fc.constantFrom('C', 'N', '=', ',', '"', '\\', ' ', '+', '#', 'é', '2', '.', 'e', '\0'), maxLength: 40 })
  fc.assert(
    fc.property(fc.oneof(text, fc.constant('CN='.padEnd(5000, ' '))), sample => {
      try {
        const dn = parseDn(sample)
        expect(parseDn(dn.toString()).key).toBe(dn.key)
      } catch (error) {
        expect(error).toBeInstanceOf(DnFault)
      }
    }),
    { numRuns: 2000 },
  )
})

describe('writing', () => {
  const rdn = fc.record({
    type: fc.constantFrom('CN', 'OU', 'O', 'ST', 'L', 'C', '1.2.3.4'),
    value: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  })

  test('a written name is read as the same name', () => {
    fc.assert(
      fc.property(fc.array(rdn, { minLength: 1, maxLength: 6 }), rdns => {
        const dn = dnFromRdns(rdns)
        expect(parseDn(dn.toString()).rdns).toEqual(dn.rdns)
      }),
      { numRuns: 500, examples: [[[{ type: 'O', value: ' ' }]], [[{ type: 'O', value: '\\ ' }]], [[{ type: 'O', value: '#"\0,+' }]]] },
    )
  })

  test('a name without attributes equals no name that can be written', () => {
    expect(dnFromRdns([]).key).toBe('')
  })
})

describe.skipIf(!hasCorpus)('the published list', () => {
  // Read inside the tests: the body of a skipped suite runs too.
  const names = () => {
    const xml = readFileSync(corpus('whitelist', 'valid', 'listeblanchemssante.xml'), 'utf8')
    return [...new Set([...xml.matchAll(/<DNCertificatOperateur>(.*?)<\/DNCertificatOperateur>/gs)].map(([, text]) => text as string))]
  }

  test('its 391 names can be read, and 383 of them differ', () => {
    const texts = names()
    expect(texts.length).toBe(391)
    expect(new Set(texts.map(text => parseDn(text).key)).size).toBe(383)
  })

  test('each equals itself in the order of the certificate, and no other name', () => {
    const dns = names().map(parseDn)
    for (const dn of dns) {
      expect(dnFromRdns(dn.rdns).equals(dn)).toBe(true)
      expect(dnFromRdns([...dn.rdns].reverse()).equals(dn)).toBe(true)
      expect(parseDn(dn.toString()).equals(dn)).toBe(true)
    }
  })

  test('each equals itself, whatever the order of its attributes and the blanks around them', () => {
    const dns = names().map(parseDn)
    expect(new Set(dns.map(({ key }) => key)).size).toBe(383)
    const blanks = fc.constantFrom(',', ', ', ' ,', '  ,  ')
    fc.assert(
      fc.property(
        fc.constantFrom(...dns),
        fc.infiniteStream(fc.nat()),
        blanks,
        fc.constantFrom('=', ' =', '= ', ' = '),
        (dn, random, comma, equals) => {
          const keyed = dn.rdns.map(rdn => ({ rdn, at: random.next().value as number }))
          const texts = keyed.sort((a, b) => a.at - b.at).map(({ rdn }) => dnFromRdns([rdn]).toString())
          expect(parseDn(texts.map(text => text.replace('=', equals)).join(comma)).equals(dn)).toBe(true)
        },
      ),
      { numRuns: 4000 },
    )
    // Every one of them, in every rotation: what a sample may miss.
    for (const { rdns, key } of dns) {
      for (let turn = 0; turn < rdns.length; turn += 1) {
        const turned = [...rdns.slice(turn), ...rdns.slice(0, turn)].map(rdn => dnFromRdns([rdn]).toString())
        expect(parseDn(turned.join(' ,  ')).key).toBe(key)
      }
    }
  })

  test('the name with L in place of ST is not the one with ST', () => {
    const confused = names()
      .filter(text => text.includes('L='))
      .map(text => [text, text.replace('L=', 'ST=')] as const)
    expect(confused.length).toBe(1)
    for (const [locality, state] of confused) expect(parseDn(locality).equals(parseDn(state))).toBe(false)
  })
})
