import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  AddressFault,
  domainOf,
  type Mailbox,
  maskPatient,
  parseAddress,
  parseMailbox,
  parseMailboxList,
} from '../../../gateway/address.ts'

function reasonOf(read: () => unknown): string {
  try {
    return `read as ${JSON.stringify(read())}`
  } catch (error) {
    if (error instanceof AddressFault) return error.reason
    throw error
  }
}

describe('an envelope address', () => {
  test.each([
    ['dr.martin@a.mssante.test', 'dr.martin@a.mssante.test'],
    ['Dr.MARTIN@A.MSSante.Test', 'dr.martin@a.mssante.test'],
    ['"dr.martin"@a.mssante.test', 'dr.martin@a.mssante.test'],
    ['279035121518989@patient.mssante.fr', '279035121518989@patient.mssante.fr'],
    ["o'brien+x=y/z@a-b.mssante.test", "o'brien+x=y/z@a-b.mssante.test"],
    ['Hélène.ŒUVRARD@a.mssante.test', 'hélène.œuvrard@a.mssante.test'],
    ['a@bücher.example', 'a@xn--bcher-kva.example'],
    ['a@BÜCHER.example', 'a@xn--bcher-kva.example'],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
  ])('%s is %s', (text, address) => {
    expect(parseAddress(text)).toBe(address)
  })

  test.each([
    ['', 'empty'],
    ['dr.martin', 'syntax'],
    ['@a.mssante.test', 'syntax'],
    ['dr@', 'syntax'],
    ['.dr@a.mssante.test', 'syntax'],
    ['dr.@a.mssante.test', 'syntax'],
    ['d..r@a.mssante.test', 'syntax'],
    ['a@b@c.test', 'syntax'],
    ['a b@c.test', 'characters'],
    ['a\r\nRCPT TO:<x@y.test>@c.test', 'characters'],
    ['@relay.test:dr@a.mssante.test', 'route'],
    ['@a.test,@b.test:dr@a.mssante.test', 'route'],
    ['dr(comment)@a.mssante.test', 'comment'],
    ['"x y"@a.mssante.test', 'quoted'],
    ['"x@y.test x"@a.mssante.test', 'quoted'],
    ['"a\\"b"@a.mssante.test', 'quoted'],
    ['""@a.mssante.test', 'quoted'],
    ['dr@[192.0.2.1]', 'literal'],
    ['dr@localhost', 'domain'],
    ['dr@192.0.2.1', 'domain'],
    ['dr@a..test', 'domain'],
    ['dr@a.test.', 'domain'],
    ['dr@-a.test', 'domain'],
    ['dr@a-.test', 'domain'],
    ['dr@a_b.test', 'domain'],
    ['dr@a.test\0', 'domain'],
    ['dr@xn--a.test', 'domain'],
    ['dr@mssante。test', 'domain'],
    ['dr@ｍssante.test', 'domain'],
    ['dr@a\u00ad.test', 'domain'],
    ['dr@\u212ab.test', 'domain'], // Kelvin sign: in lower case a plain k
    ['dr@\u212bb.test', 'domain'], // Ångström sign
    [`${'a'.repeat(65)}@a.test`, 'tooLong'],
    [`a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(20)}.test`, 'tooLong'],
    ['a\u00a0b@c.test', 'characters'],
    [`a@${'b'.repeat(64)}.test`, 'domain'],
    ['dr.m\u0430rtin@a.mssante.test', 'characters'], // Cyrillic a
    ['dr.ｍartin@a.mssante.test', 'characters'], // full width
    ['dr.mart\u0131n@a.mssante.test', 'characters'], // dotless i
    ['dr.\u212artin@a.mssante.test', 'characters'], // Kelvin sign
    ['dr.marti\u017f@a.mssante.test', 'characters'], // long s
    ['he\u0301le\u0300ne@a.mssante.test', 'characters'], // not NFC
    ['dr\u200bmartin@a.mssante.test', 'characters'], // zero width space
    ['dr\u202emartin@a.mssante.test', 'characters'], // right-to-left override
    ['dr\u0085@a.mssante.test', 'characters'],
  ])('%j is refused: %s', (text, reason) => {
    expect(reasonOf(() => parseAddress(text))).toBe(reason)
  })

  test('the fault never repeats the address', () => {
    expect(() => parseAddress('279035121518989@patient@mssante')).toThrow(/^(?!.*279035)/)
  })
})

describe('a mailbox of a header field', () => {
  test.each([
    ['dr@a.mssante.test', undefined],
    ['<dr@a.mssante.test>', undefined],
    ['  Martin <DR@a.mssante.test> ', 'Martin'],
    ['Claire\tMARTIN  <dr@a.mssante.test>', 'Claire MARTIN'],
    ['"Dr. Martin, cardiologue" <dr@a.mssante.test>', 'Dr. Martin, cardiologue'],
    ['"a \\"b\\" \\\\ c" <dr@a.mssante.test>', 'a "b" \\ c'],
    ['"evil@other.test" <dr@a.mssante.test>', 'evil@other.test'],
    ['"<evil@other.test>" <dr@a.mssante.test>', '<evil@other.test>'],
    ['Hélène Œuvrard <dr@a.mssante.test>', 'Hélène Œuvrard'],
    [
      '=?utf-8?Q?H=C3=A9l=C3=A8ne_=3Cevil=40other=2Etest=3E?= <dr@a.mssante.test>',
      '=?utf-8?Q?H=C3=A9l=C3=A8ne_=3Cevil=40other=2Etest=3E?=',
    ],
    ['"" <dr@a.mssante.test>', undefined],
  ])('%s', (text, displayName) => {
    const mailbox = parseMailbox(text)
    expect(mailbox).toMatchObject({ address: 'dr@a.mssante.test', local: 'dr', domain: 'a.mssante.test' })
    expect(mailbox.displayName).toBe(displayName)
  })

  test.each([
    ['', 'empty'],
    ['Martin', 'syntax'],
    ['Martin <>', 'syntax'],
    ['a@b.test, c@d.test', 'several'],
    ['a@b.test c@d.test', 'syntax'],
    ['a@b.test@d.test', 'syntax'],
    ['a@b.test <c@d.test>', 'syntax'],
    ['<a@b.test> <c@d.test>', 'syntax'],
    ['<a@b.test>x', 'syntax'],
    ['<<a@b.test>>', 'syntax'],
    ['<a@b.test', 'syntax'],
    ['a@b.test>', 'syntax'],
    ['a@b.test,', 'empty'],
    [',a@b.test', 'syntax'],
    ['x evil@other.test <dr@a.mssante.test>', 'syntax'],
    ['Dr. Martin <dr@a.mssante.test>', 'name'],
    ['"Martin <dr@a.mssante.test>', 'name'],
    ['(a (b) evil@evil.com) dr@ok.mssante.fr', 'comment'],
    ['dr@ok.mssante.fr (evil@evil.com)', 'comment'],
    ['Martin (x) <dr@ok.mssante.fr>', 'comment'],
    ['<dr@ok.mssante.fr(x)>', 'comment'],
    ['<@evil.test:dr@ok.mssante.fr>', 'route'],
    ['team: a@b.test;', 'group'],
    ['team:;', 'group'],
    ['a@b.test;', 'group'],
    ['dr @ok.mssante.fr', 'syntax'],
    ['dr@ ok.mssante.fr', 'syntax'],
    ['< dr@ok.mssante.fr >', 'syntax'],
    ['"x@y.test x"@ok.mssante.fr', 'quoted'],
    ['dr@[192.0.2.1]', 'literal'],
    ['dr@[IPv6:2001:db8::1]', 'literal'],
    ['Mar\u202etin <dr@ok.mssante.fr>', 'characters'],
    ['Mar\ufffdtin <dr@ok.mssante.fr>', 'characters'],
    ['Mar\0tin <dr@ok.mssante.fr>', 'characters'],
    ['Martin\r\nBcc: <x@y.test>', 'characters'],
  ])('%j is refused: %s', (text, reason) => {
    expect(reasonOf(() => parseMailbox(text))).toBe(reason)
  })

  test('a list keeps its order, and commas inside quotes are not separators', () => {
    const list = parseMailboxList('"Un, deux" <a@b.test>,c@d.test , Trois <E@f.test>')
    expect(list.map(mailbox => mailbox.address)).toEqual(['a@b.test', 'c@d.test', 'e@f.test'])
    expect(list[0]?.displayName).toBe('Un, deux')
  })
})

const atom = fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}$/)
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/).filter(text => !/^..--/.test(text))
const mailboxes: fc.Arbitrary<Mailbox> = fc
  .record({
    local: fc.array(atom, { minLength: 1, maxLength: 4 }).map(atoms => atoms.join('.')),
    domain: fc
      .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.stringMatching(/^[a-z]{2,6}$/))
      .map(([labels, top]) => [...labels, top].join('.')),
    displayName: fc.option(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\ufffd]/u.test(text)),
      { nil: undefined },
    ),
  })
  .map(({ local, domain, displayName }) => ({
    address: `${local}@${domain}`,
    local,
    domain,
    ...(displayName === undefined ? {} : { displayName }),
  }))

/** @returns the mailbox as a header field writes it */
function formatMailbox(mailbox: Mailbox): string {
  if (mailbox.displayName === undefined) return mailbox.address
  return `"${mailbox.displayName.replace(/["\\]/g, '\\$&')}" <${mailbox.address}>`
}

test('what is formatted is read back to the same value', () => {
  fc.assert(
    fc.property(fc.array(mailboxes, { minLength: 1, maxLength: 5 }), list => {
      expect(parseMailboxList(list.map(formatMailbox).join(', '))).toEqual(list)
    }),
  )
})

test('any text is read or refused with a reason, and what is read is stable', () => {
  const parts = fc.constantFrom(
    'a',
    'evil@x.test',
    '"',
    '\\',
    '(',
    ')',
    '<',
    '>',
    ',',
    ':',
    ';',
    '@',
    '.',
    ' ',
    'é',
    '[',
    ']',
    '\t',
    'ok.test',
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), pieces => {
      const reason = reasonOf(() => {
        for (const mailbox of parseMailboxList(pieces.join(''))) expect(parseAddress(mailbox.address)).toBe(mailbox.address)
      })
      expect(reason).toMatch(/^(read as undefined|[a-zA-Z]+)$/)
    }),
    { numRuns: 2000 },
  )
})

test('a patient is masked wherever his number may stand', () => {
  expect(maskPatient('279035121518989@patient.mssante.fr')).toBe('***@patient.mssante.fr')
  expect(maskPatient('reponse.automatique-test@patient.mssante.fr')).toBe('***@patient.mssante.fr')
  expect(maskPatient('<279035121518989@PATIENT.mssante.fr>')).toBe('***@patient.mssante.fr>')
  expect(maskPatient('279032A21518989@other.test')).toBe('***@other.test')
  expect(maskPatient('2790351215189')).toBe('***')
  expect(maskPatient('dr.martin@a.mssante.test')).toBe('dr.martin@a.mssante.test')
  expect(domainOf('dr.martin@a.mssante.test')).toBe('a.mssante.test')
})
