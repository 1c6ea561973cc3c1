import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  idNatPs,
  idNatStruct,
  isAdeli,
  isFiness,
  isRpps,
  isSiren,
  isSiret,
  luhn,
  luhnKey,
  parseIdNatPs,
  parseIdNatStruct,
} from '../../../directory/index.ts'

const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`))

describe('the Luhn key', () => {
  test('accepts the number that it completes', () => {
    fc.assert(fc.property(fc.stringMatching(/^\d{1,30}$/), text => luhn(text + luhnKey(text))))
  })

  test('notices each wrong digit', () => {
    const wrong = fc.tuple(digits(10), fc.nat(10), fc.integer({ min: 1, max: 9 })).map(([stem, place, shift]) => {
      const right = [...(stem + luhnKey(stem))]
      right[place] = String((Number(right[place]) + shift) % 10)
      return right.join('')
    })
    fc.assert(fc.property(wrong, text => !luhn(text)))
  })

  test.each(['', ' 18', '1.8', '१८'])('refuses %j, which is not made of digits', text => {
    expect(luhn(text)).toBe(false)
  })
})

describe('numbers of persons and structures', () => {
  test('a published RPPS example with a right key is accepted, one with a wrong key is not', () => {
    expect(isRpps('01234567897')).toBe(true)
    expect(isRpps('10234567890')).toBe(false)
    expect(isRpps('1234567897')).toBe(false)
  })

  // Those of Corsica as the prefectures' acts print them.
  test.each(['750803447', '2A0000170', '2A0000386', '2A0002606', '2B0000020', '2B0004246', '2B0005342'])('%s is a FINESS', number => {
    expect(isFiness(number)).toBe(true)
  })

  test.each(['750803448', '2B0000170', '2C0000170', '0B0078671', '75080344', '2a0000170'])('%s is no FINESS', number => {
    expect(isFiness(number)).toBe(false)
  })

  test('ADELI numbers have nine characters and a department', () => {
    expect(isAdeli('2A1234567')).toBe(true)
    expect(isAdeli('2C1234567')).toBe(false)
  })

  test('a SIRET has a Luhn key, except at La Poste', () => {
    expect(isSiret('35600000000048')).toBe(true) // head office, Luhn
    expect(isSiret('35600000049837')).toBe(true) // an office: sum of digits 45
    expect(isSiret('35600000049838')).toBe(false)
    expect(isSiret('34797668420072')).toBe(luhn('34797668420072'))
    expect(isSiret('00000000000005')).toBe(false) // the exception is La Poste's alone
    expect(isSiren('356000000')).toBe(true)
  })
})

describe('national identifiers', () => {
  const rpps = digits(10).map(stem => stem + luhnKey(stem))
  const finess = digits(8).map(stem => stem + luhnKey(stem))

  test('an RPPS or a FINESS survives formatting and parsing', () => {
    fc.assert(
      fc.property(rpps, finess, (person, structure) => {
        expect(parseIdNatPs(idNatPs(person))).toEqual({ kind: 'rpps', number: person })
        expect(parseIdNatStruct(idNatStruct(structure))).toEqual({ kind: 'finess', number: structure })
      }),
    )
  })

  test.each([
    ['0751234567', { kind: 'adeli', number: '751234567' }],
    ['3750803447/agent-7', { kind: 'finess', number: '750803447', internal: 'agent-7' }],
    ['801234567897', { kind: 'rpps', number: '01234567897' }],
    ['535600000000048/12', { kind: 'siret', number: '35600000000048', internal: '12' }],
  ])('%s is taken apart', (text, parts) => {
    expect(parseIdNatPs(text)).toEqual(parts)
  })

  test.each([
    ['1750803447', { kind: 'finess', number: '750803447' }],
    ['2356000000', { kind: 'siren', number: '356000000' }],
    ['335600000000048', { kind: 'siret', number: '35600000000048' }],
    ['0751234567', { kind: 'adeli-office', number: '751234567' }],
    ['4012345678971', { kind: 'rpps-rank', number: '012345678971' }],
  ])('structure %s is taken apart', (text, parts) => {
    expect(parseIdNatStruct(text)).toEqual(parts)
  })

  test.each(['', '8', '810234567890', '901234567897', '801234567897/x', '3750803447', '3750803447/', '3750803447/a/b', '3750803447/a b'])(
    'person %j is refused',
    text => {
      expect(parseIdNatPs(text)).toBeUndefined()
    },
  )

  test.each(['', '1', '750803447', '1750803448', '5750803447', '3750803447', ' 1750803447'])('structure %j is refused', text => {
    expect(parseIdNatStruct(text)).toBeUndefined()
  })

  test('a wrong number is not given a national form', () => {
    expect(() => idNatPs('10234567890')).toThrow(RangeError)
    expect(() => idNatStruct('750803448')).toThrow(RangeError)
  })
})
