import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { buildMail, samplePatient } from '../../world/letter.ts'
import { cdaOf, NOW, otherPatient, verdictOf, verdicts } from './samples.ts'

const CDA = cdaOf()

/** The part of the document that a pattern finds. */
function piece(pattern: RegExp): string {
  const found = pattern.exec(CDA)?.[0]
  if (!found) throw new Error('the sample has no such part')
  return found
}

const twice = (pattern: RegExp, change: (text: string) => string = text => text) =>
  verdictOf(
    'a.xml',
    CDA.replace(pattern, text => text + change(text)),
  )

describe('two patients in one recordTarget', () => {
  const other = (text: string) => text.replaceAll(samplePatient.ins ?? '', otherPatient.ins ?? '').replaceAll('TESTOU', 'AUTRE')
  test('two roles', async () => {
    expect(await twice(/<patientRole>[\s\S]*<\/patientRole>/, other)).toContain('several-record-targets')
  })
  test('two persons', async () => {
    expect(await twice(/<patient classCode[\s\S]*?<\/patient>/, other)).toContain('several-record-targets')
  })
})

describe('what CDA allows once', () => {
  test.each<[string, RegExp]>([
    ['id', /<id root="2\.25\.111222333"\/>/],
    ['code', /<code code="96349-6"[^>]*>/],
    ['effectiveTime', /<effectiveTime value[^>]*>/],
    ['confidentialityCode', /<confidentialityCode[^>]*>/],
    ['birth time', /<birthTime[^>]*>/],
    ['legalAuthenticator', /<legalAuthenticator>[\s\S]*<\/legalAuthenticator>/],
    ['body', /<component>[\s\S]*<\/component>/],
  ])('%s', async (_name, pattern) => {
    piece(pattern)
    expect(await twice(pattern)).toContain('header-repeated')
  })

  test('the number of an author', async () => {
    expect(
      await twice(/<id root="1\.2\.250\.1\.71\.4\.2\.1"[^>]*>/, text => text.replace(/extension="\d{8}/, 'extension="81009999')),
    ).toContain('header-repeated')
  })
})

test.each<[string, string]>([
  ['another code system', '<confidentialityCode code="N" codeSystem="1.2.250.1.213.1.1.4.13"/>'],
  ['no code system', '<confidentialityCode code="N"/>'],
  ['a translation', '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"><translation code="V"/></confidentialityCode>'],
  ['a nullFlavor', '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25" nullFlavor="UNK"/>'],
])('a confidentiality that is not plainly normal: %s', async (_case, element) => {
  expect(await verdictOf('a.xml', CDA.replace(/<confidentialityCode[^>]*>/, element))).toEqual(['not-normal'])
})

describe('the subject', () => {
  const reasonsOf = async (subject: string, content = CDA) => {
    const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', date: NOW, messageId: 'm@a.mssante.test' }
    const eml = buildMail({ ...head, subject, parts: [{ type: 'text/xml', filename: 'a.xml', content }] })
    return verdicts(await recogniseMessage(eml, DEFAULT_LIMITS))
  }

  test.each([
    'Lettre',
    'XDM/1.0/DDM+CR TESTOU HÉLOÏSE 09/03/1984',
    'XDM/1.0/DDM+CR du 02/01/2026 testou heloise',
    'xdm/1.0/ddm+CR Testou Héloïse Marie 9/3/1984 ',
  ])('that agrees: %s', async subject => {
    expect(await reasonsOf(subject)).toEqual(['file'])
  })

  test.each([
    'XDM/1.0/DDM+CR AUTRE LÉO 02/06/1955',
    'XDM/1.0/DDM+CR AUTRE HÉLOÏSE 09/03/1984',
    'XDM/1.0/DDM+CR TESTOU LÉO',
    'XDM/1.0/DDM+CR TESTOU HÉLOÏSE 10/03/1984',
    'TR: XDM/1.0/DDM+CR TESTOUX HÉLOÏSE 09/03/1984',
  ])('that names another: %s', async subject => {
    expect(await reasonsOf(subject)).toEqual([['subject-patient']])
  })

  test('of a replacement', async () => {
    expect(await reasonsOf('XDM/1.0/DDM+[Annule et remplace] CR TESTOU HÉLOÏSE 09/03/1984')).toEqual([['replacement']])
    expect(await reasonsOf('[Annule et Remplacé] XDM/1.0/DDM+CR TESTOU HÉLOÏSE')).toEqual([['replacement']])
  })
})
