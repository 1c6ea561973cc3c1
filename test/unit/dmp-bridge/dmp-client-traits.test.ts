import { expect, test } from 'vitest'
import { agree, canonicalTraits, confirm, existenceTraits } from '../../../dmp-bridge/traits.ts'
import { readXml } from '../../../dmp-bridge/xml.ts'

const zoe = { birthName: "D'ÎLE-FICTIVE", firstName: 'ZOÉ', birthDate: '19790301', sex: 'F' }

test.each([
  ['the same', zoe],
  ['without accents or punctuation', { ...zoe, birthName: 'D ILE FICTIVE', firstName: 'zoe' }],
  ['with all first names', { ...zoe, firstName: 'ZOÉ ANNE' }],
  ['with a time of birth', { ...zoe, birthDate: '197903010430' }],
  ['with fewer traits', { sex: 'F' }],
  ['nothing known', {}],
])('traits agree: %s', (_name, other) => {
  expect(agree(zoe, other)).toBe(true)
  expect(agree(other, zoe)).toBe(true)
})

test.each([
  ['birth name', { ...zoe, birthName: 'ILE' }],
  ['first name', { ...zoe, firstName: 'ZO' }],
  ['birth date', { ...zoe, birthDate: '19790302' }],
  ['sex', { ...zoe, sex: 'M' }],
])('another %s is a contradiction', (_name, other) => {
  expect(agree(zoe, other)).toBe(false)
  expect(canonicalTraits(zoe)).not.toBe(canonicalTraits(other))
})

test('the traits of an answer are its birth name, its first birth first-name, its date and sex', () => {
  const person = `<patientPerson><name><family qualifier="SP">AUTRE</family><family qualifier="BR">FICTIVE</family><given>ZOÉ ANNE</given>
    <given qualifier="BR">ZOÉ</given></name><administrativeGenderCode code="F"/><birthTime value="19790301"/></patientPerson>`
  const xml = Buffer.from(`<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><a><b>${person}</b></a></PRPA_IN201308UV02>`)
  const { root } = readXml(xml, { maxBytes: 9999, maxDepth: 9, maxElements: 99 })
  expect(existenceTraits(root)).toEqual({ birthName: 'FICTIVE', firstName: 'ZOÉ', birthDate: '19790301', sex: 'F' })
  const none = readXml(Buffer.from('<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"/>'), { maxBytes: 9999, maxDepth: 9, maxElements: 99 })
  expect(existenceTraits(none.root)).toEqual({})
})

function traitsOf(person: string): ReturnType<typeof existenceTraits> {
  const xml = `<a xmlns="urn:hl7-org:v3">${person}</a>`
  return existenceTraits(readXml(Buffer.from(xml), { maxBytes: 9999, maxDepth: 9, maxElements: 99 }).root)
}
const person = (names: string) => `<patientPerson>${names}</patientPerson>`

test('all names are searched, and a name without a qualifier is a birth name when none is said to be', () => {
  const used = '<name use="L"><family>X</family><given>ZOÉ</given></name>'
  expect(traitsOf(person(`${used}<name><family qualifier="BR">AUTRE</family></name>`))).toMatchObject({ birthName: 'AUTRE' })
  expect(traitsOf(person('<name><family qualifier="SP">X</family><family>AUTRE</family></name>'))).toEqual({ birthName: 'AUTRE' })
  expect(traitsOf(person('<name><family qualifier="SP">X</family></name>'))).toEqual({})
})

test('what is said in two ways is not known', () => {
  const two = '<name><family qualifier="BR">UN</family></name><name><family qualifier="BR">DEUX</family></name>'
  expect(traitsOf(person(`${two}<birthTime value="19790301"/><birthTime value="19790302"/>`))).toEqual({})
  expect(traitsOf(person('<birthTime value="19790301"/>').repeat(2))).toEqual({})
})

test.each([
  ['nothing', {}],
  ['no birth name', { birthDate: '19790301', sex: 'F' }],
  ['no date of birth', { birthName: zoe.birthName, sex: 'F' }],
  ['a year only', { ...zoe, birthDate: '1979' }],
])('silence is no agreement: %s', (_name, said) => {
  expect(confirm(zoe, said)).toBe(false)
  expect(confirm(said, zoe)).toBe(false)
  expect(confirm(zoe, { birthName: 'X', birthDate: '19790301' })).toBe(true)
})
