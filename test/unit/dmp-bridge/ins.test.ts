import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatCx, hasValidKey, insKey, parseCx } from '../../../dmp-bridge/ins.ts'

test.each(['279035121518989', '277076322082910', '274075176079430', '207058575627097', '146026322000196', '248039263001064'])(
  'the published matricule %s has its key',
  matricule => {
    expect(hasValidKey(matricule)).toBe(true)
  },
)

test.each([
  ['221042545611404', '83'],
  ['223042545611404', '82'],
  ['222127505611201', '47'],
  ['224027511583555', '12'],
  ['276059205062865', '83'],
  ['209053105611201', '14'],
])('the published matricule %s has a wrong key, the right one is %s', (matricule, key) => {
  expect(hasValidKey(matricule)).toBe(false)
  expect(insKey(matricule.slice(0, 13))).toBe(key)
})

test('Corsica reads 19 for 2A and 18 for 2B, in the department only', () => {
  expect(insKey('180032A123456')).toBe(insKey('1800319123456'))
  expect(insKey('180032B123456')).toBe(insKey('1800318123456'))
  expect(insKey('18003212A3456')).toBeUndefined()
  expect(insKey('180032C123456')).toBeUndefined()
  expect(hasValidKey(`180032A123456${insKey('180032A123456')}`)).toBe(true)
})

test('no other shape has a key', () => {
  for (const text of ['', '12345', '12345678901234', 'abcdefghijklm', '２79035121518']) expect(insKey(text)).toBeUndefined()
  expect(hasValidKey('2790351215189891')).toBe(false)
})

test('one digit changed always breaks the key', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[12]\d{12}$/),
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 1, max: 9 }),
      (number, place, step) => {
        const changed = [...number].map((digit, index) => (index === place ? String((Number(digit) + step) % 10) : digit)).join('')
        return insKey(changed) !== insKey(number)
      },
    ),
  )
})

test('CX is read and written', () => {
  const ins = { matricule: '279035121518989', oid: '1.2.250.1.213.1.4.8' }
  expect(formatCx(ins)).toBe('279035121518989^^^&1.2.250.1.213.1.4.8&ISO^NH')
  expect(parseCx(formatCx(ins))).toEqual(ins)
  for (const text of ['', '279035121518989', '279035121518989^^^&1.2.3^NH', '^^^&1.2.3&ISO^NH']) expect(parseCx(text)).toBeUndefined()
})
