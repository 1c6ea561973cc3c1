import { expect, test } from 'vitest'
import { agree, canonicalTraits, existenceTraits } from '../../../dmp-bridge/traits.ts'
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
