import { describe, expect, test } from 'vitest'
import { decide } from '../../../dmp-bridge/decide.ts'
import { INS_OIDS } from '../../../dmp-bridge/ins.ts'
import { isReason, REASONS } from '../../../dmp-bridge/reasons.ts'
import { type CdaOptions, insWithKey, sampleAuthor, sampleBiologist, samplePatient } from '../../world/letter.ts'
import { cdaOf, letterOf, NOW, policy, read, sender, verdictOf, verdicts } from './samples.ts'

function verdict(options: Partial<CdaOptions>, change: (xml: string) => string = xml => xml) {
  return verdictOf('a.xml', change(cdaOf(options)))
}

test('the ordinary letter of a declared box is filed with no hand on it', async () => {
  expect(verdicts(await read('a.eml', (await letterOf()).eml))).toEqual(['file'])
})

/** Puts something in the act that the document is about. */
const withAct = (content: string) => (xml: string) => xml.replace(/(<serviceEvent[^>]*>)/, `$1${content}`)
const withTemplate = (template: string) => (xml: string) => xml.replace('<templateId ', `${template}<templateId `)

test('complete biology and a vaccination note of the present model are filed', async () => {
  const complete = '<lab:statusCode xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2" code="completed"/>'
  expect(await verdict({ author: sampleBiologist, type: { code: '11502-2', label: 'x' } }, withAct(complete))).toBe('file')
  const present = '<templateId root="1.2.250.1.213.1.1.1.46" extension="2023.01"/>'
  expect(await verdict({ type: { code: '87273-9', label: 'x' } }, withTemplate(present))).toBe('file')
})

describe('the patient', () => {
  const patient = samplePatient
  test.each<[string, Partial<CdaOptions>, (xml: string) => string, string[]]>([
    ['no INS', { patient: { ...patient, ins: '' } }, xml => xml, ['no-ins']],
    ['an INS-C is no INS', { patient: { ...patient, insOid: '1.2.250.1.213.1.4.2' } }, xml => xml, ['no-ins']],
    ['OID .13 is no INS', { patient: { ...patient, insOid: '1.2.250.1.213.1.4.13' } }, xml => xml, ['no-ins']],
    ['wrong key', { patient: { ...patient, ins: '221042545611404' } }, xml => xml, ['bad-ins-key']],
    ['short matricule', { patient: { ...patient, ins: '2840375114256' } }, xml => xml, ['bad-ins-key']],
    ['two patients', { secondPatient: patient }, xml => xml, ['several-record-targets']],
    [
      'two INS',
      {},
      xml =>
        xml.replace('<id root="1.2.250.1.999.1.1" extension="D-0001"/>', '<id root="1.2.250.1.213.1.4.8" extension="279035121518989"/>'),
      ['several-ins'],
    ],
    ['no birth name', {}, xml => xml.replace('<family qualifier="BR">', '<family>'), ['traits-missing']],
    ['no birth first name', {}, xml => xml.replace('<given qualifier="BR">', '<given>'), ['traits-missing']],
    ['no birth date', {}, xml => xml.replace(/<birthTime value="\d+"\/>/, '<birthTime nullFlavor="UNK"/>'), ['traits-missing']],
    ['no sex', {}, xml => xml.replace(/<administrativeGenderCode [^>]*>/, ''), ['traits-missing']],
    ['no birthplace code', {}, xml => xml.replace(/<county>\d+<\/county>/, ''), ['traits-missing']],
  ])('%s', async (_case, options, change, reasons) => {
    expect(await verdict(options, change)).toEqual(reasons)
  })

  test('a Corsican number with its key is filed', async () => {
    const ins = insWithKey('284032A114256')
    expect(await verdict({ patient: { ...patient, ins } })).toBe('file')
    expect(await verdict({ patient: { ...patient, ins: ins.replace('2A', '2B') } })).toEqual(['bad-ins-key'])
  })

  test('test and demonstration identities are filed only where the policy has them', async () => {
    const production = { ...policy, insOids: [INS_OIDS.nir, INS_OIDS.nia] }
    expect(await verdictOf('a.xml', cdaOf(), sender, production)).toEqual(['ins-oid-not-allowed'])
    expect(await verdictOf('a.xml', cdaOf({ patient: { ...patient, insOid: INS_OIDS.demo } }))).toEqual(['ins-oid-not-allowed'])
    for (const insOid of [INS_OIDS.nir, INS_OIDS.nia]) {
      expect(await verdictOf('a.xml', cdaOf({ patient: { ...patient, insOid } }), sender, production)).toBe('file')
    }
  })
})

describe('the document', () => {
  test.each<[string, Partial<CdaOptions>, (xml: string) => string, string[]]>([
    ['id with an extension', { idExtension: 'X' }, xml => xml, ['id-extension']],
    ['UUID as id', { uniqueId: 'D394EF1B-D193-42D2-A0DF-8E6C563C6D04' }, xml => xml, ['id-not-oid']],
    ['id longer than an OID may be', { uniqueId: `1.2.${'3'.repeat(61)}` }, xml => xml, ['id-not-oid']],
    ['no id', {}, xml => xml.replace(/<id root="2\.25\.111222333"\/>/, '<id nullFlavor="UNK"/>'), ['no-id']],
    ['an addition', { replaces: '1.2.3' }, xml => xml.replace('"RPLC"', '"APND"'), ['replacement']],
    ['a parent without id', { replaces: '1.2.3' }, xml => xml.replace('<id root="1.2.3"/>', '<id nullFlavor="UNK"/>'), ['replacement']],
    [
      'a parent with an extension',
      { replaces: '1.2.3' },
      xml => xml.replace('<id root="1.2.3"/>', '<id root="1.2.3" extension="4"/>'),
      ['replacement'],
    ],
    ['two parents', { replaces: '1.2.3' }, xml => xml.replace(/<relatedDocument.*<\/relatedDocument>/, '$&$&'), ['replacement']],
    ['a document that replaces itself', { replaces: '2.25.111222333' }, xml => xml, ['replacement']],
    ['no date', {}, xml => xml.replace(/<effectiveTime value="[^"]*"\/>/, '<effectiveTime nullFlavor="UNK"/>'), ['bad-date']],
    ['dated to the month', {}, xml => xml.replace(/<effectiveTime value="[^"]*"\/>/, '<effectiveTime value="202601"/>'), ['bad-date']],
    ['no date of the act', {}, xml => xml.replace(/<effectiveTime><low [^>]*><\/effectiveTime>/, ''), ['bad-date']],
    [
      'an act that ends before it starts',
      {},
      xml => xml.replace(/<effectiveTime><low [^>]*>/, '<effectiveTime><low value="20260105"/><high value="20260104"/>'),
      ['bad-date'],
    ],
    ['another language', {}, xml => xml.replace('code="fr-FR"', 'code="en-US"'), ['not-french']],
    ['no language', {}, xml => xml.replace(/<languageCode [^>]*>/, ''), ['not-french']],
    ['unknown type', { type: { code: '57133-1', label: 'x' } }, xml => xml, ['unknown-type']],
    ['retired type', { type: { code: '11493-4', label: 'x' } }, xml => xml, ['unknown-type']],
    ['type under another system', {}, xml => xml.replace('codeSystem="2.16.840.1.113883.6.1"', 'codeSystem="1.2.3"'), ['unknown-type']],
    ['type without a class', { type: { code: '28617-9', label: 'x' } }, xml => xml, ['unknown-class']],
    ['written by the patient', { type: { code: '74465-6', label: 'x' } }, xml => xml, ['type-not-for-professionals']],
    [
      'partial biology',
      { author: sampleBiologist, type: { code: '11502-2', label: 'x' } },
      withAct('<lab:statusCode xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2" code="active"/>'),
      ['partial-biology'],
    ],
    ['vaccination note of no model', { type: { code: '87273-9', label: 'x' } }, xml => xml, ['unknown-format']],
    [
      'vaccination note of a former model',
      { type: { code: '87273-9', label: 'x' } },
      withTemplate('<templateId root="1.2.250.1.213.1.1.1.46" extension="2021.01"/>'),
      ['unknown-format'],
    ],
    [
      'pathology, before it was announced',
      { author: sampleBiologist, type: { code: '60568-3', label: 'x' } },
      xml => xml,
      ['announce-first'],
    ],
    [
      'genetics, before it was announced',
      { author: sampleBiologist, type: { code: '51969-4', label: 'x' } },
      xml => xml,
      ['announce-first'],
    ],
    ['unknown media type', {}, xml => xml.replace('mediaType="application/pdf"', 'mediaType="application/msword"'), ['unknown-format']],
    [
      'structured, model not listed',
      {},
      xml =>
        xml.replace(
          /<nonXMLBody>[\s\S]*<\/nonXMLBody>/,
          '<structuredBody><component><section><text>x</text></section></component></structuredBody>',
        ),
      ['unknown-format'],
    ],
    ['unknown facility', {}, xml => xml.replace('code="SA07"', 'code="SA99"'), ['unknown-facility']],
    ['no facility', {}, xml => xml.replace(/<componentOf>[\s\S]*<\/componentOf>/, ''), ['unknown-facility']],
    ['unknown practice', {}, xml => xml.replace('code="AMBULATOIRE"', 'code="AILLEURS"'), ['unknown-practice']],
    ['unknown specialty', {}, xml => xml.replace('codeSystem="1.2.250.1.213.1.1.4.5"', 'codeSystem="1.2.3"'), ['unknown-specialty']],
    ['restricted', { confidentiality: 'R' }, xml => xml, ['not-normal']],
    ['very restricted', { confidentiality: 'V' }, xml => xml, ['not-normal']],
    ['no confidentiality', {}, xml => xml.replace(/<confidentialityCode [^>]*>/, ''), ['not-normal', 'schema-invalid']],
    ['no legal authenticator', {}, xml => xml.replace(/<legalAuthenticator>[\s\S]*<\/legalAuthenticator>/, ''), ['authenticator-missing']],
  ])('%s', async (_case, options, change, reasons) => {
    expect(await verdict(options, change)).toEqual(reasons)
  })

  test('larger than the policy lets through', async () => {
    expect(await verdictOf('a.xml', cdaOf(), sender, { ...policy, maxDocumentBytes: 1000 })).toEqual(['too-big'])
  })
})

describe('the sender', () => {
  const other = { ...sender, idNatPs: '899999999999', structures: ['1999999999'] }

  test('is the author, or of one of his structures', async () => {
    expect(await verdictOf('a.xml', cdaOf(), { ...other, idNatPs: `8${sampleAuthor.rpps}` })).toBe('file')
    expect(await verdictOf('a.xml', cdaOf(), { ...other, structures: ['1999999999', sampleAuthor.structure.id] })).toBe('file')
    expect(await verdictOf('a.xml', cdaOf(), other)).toEqual(['author-not-sender'])
  })

  test('without identity is nobody, even when the author has none either', async () => {
    const { idNatPs: _, ...box } = { ...sender, structures: [] }
    expect(await verdictOf('a.xml', cdaOf(), box)).toEqual(['author-not-sender'])
    const anonymous = cdaOf().replace(/<id root="1\.2\.250\.1\.71\.4\.2\.1" extension="8\d+"\/>\s*<code/, '<id nullFlavor="UNK"/><code')
    expect(await verdictOf('a.xml', anonymous, box)).toEqual(['author-missing', 'author-not-sender'])
  })

  test('every author has an identifier and a name', async () => {
    expect(await verdict({}, xml => xml.replace(/<assignedPerson>[\s\S]*?<\/assignedPerson>/, ''))).toEqual(['author-missing'])
    const second = '<author><time nullFlavor="UNK"/><assignedAuthor><id nullFlavor="UNK"/></assignedAuthor></author>'
    expect(await verdict({}, xml => xml.replace('</author>', `</author>${second}`))).toEqual(['author-missing'])
  })

  test('must have declared that patients are informed', async () => {
    expect(await verdictOf('a.xml', cdaOf(), { ...sender, declared: false })).toEqual(['not-declared'])
  })
})

test('a document of no structure that our certificate speaks for is held', async () => {
  const hospital = { ...policy, structure: '1750000018' }
  expect(await verdictOf('a.xml', cdaOf(), sender, hospital)).toEqual(['author-structure'])
  expect(await verdictOf('a.xml', cdaOf(), sender, { ...hospital, sites: [sampleAuthor.structure.id] })).toBe('file')
  expect(
    await verdictOf('a.xml', cdaOf().replaceAll(`extension="${sampleAuthor.structure.id}"`, ''), sender, { ...policy, structure: '' }),
  ).toEqual(['author-structure'])
})

test('a document dated in the future is held when the time is known', async () => {
  const recognition = await read('a.xml', cdaOf())
  const outcome = (milliseconds: number) =>
    decide(recognition.documents[0]!, recognition, sender, policy, { now: new Date(NOW.getTime() + milliseconds) })
  expect(outcome(-3 * 60_000)).toEqual({ action: 'file' })
  expect(outcome(-5 * 60_000)).toEqual({ action: 'hold', reasons: ['bad-date'] })
})

test('all the reasons are told, each once', async () => {
  const bad = cdaOf({ idExtension: 'X', confidentiality: 'V', patient: { ...samplePatient, ins: '221042545611404' } })
  expect(await verdictOf('a.xml', bad, { ...sender, declared: false })).toEqual([
    'bad-ins-key',
    'id-extension',
    'not-declared',
    'not-normal',
  ])
})

test('a document that can not be read is held for that', async () => {
  expect(await verdictOf('a.xml', cdaOf().replace('?>', '?><!DOCTYPE a>'))).toEqual(['xml-dtd'])
})

test('a fault of the whole message holds each of its documents', async () => {
  const recognition = await read('a.xml', cdaOf())
  expect(verdicts({ ...recognition, faults: ['too-deep'] })).toEqual([['too-deep']])
})

test('every reason says its action and has a sentence in both languages, without a name', () => {
  for (const [code, { fr, en, action }] of Object.entries(REASONS)) {
    expect(code).toMatch(/^[a-z]+\d?(-[a-z]+)*$/)
    expect(['hold', 'ignore']).toContain(action)
    expect(fr).toMatch(/^[A-ZÀÉ].*\.$/)
    expect(en).toMatch(/^[A-Z].*\.$/)
  }
  expect(isReason('no-ins')).toBe(true)
  expect(isReason('toString')).toBe(false)
})

test('the structure must be one of the author who sends, not that of another author', async () => {
  const xml = cdaOf()
  const author = /<author>[\s\S]*?<\/author>/.exec(xml)?.[0] ?? ''
  const elsewhere = author.replace(sampleAuthor.structure.id, '1759999999')
  const colleague = author.replace(`8${sampleAuthor.rpps}`, '810099009999')
  const alone = { ...sender, structures: [] }
  expect(await verdictOf('a.xml', xml.replace(author, elsewhere + colleague), alone)).toEqual(['author-structure'])
  expect(await verdictOf('a.xml', xml.replace(author, author + colleague), alone)).toBe('file')
})

describe('an identity that is not clear', () => {
  test.each<[string, string, string]>([
    ['another sex than the number', 'administrativeGenderCode code="F"', 'administrativeGenderCode code="M"'],
    ['another year than the number', 'birthTime value="1984', 'birthTime value="1983'],
    ['no such day', 'birthTime value="19840309"', 'birthTime value="19849999"'],
    ['born after the document', 'birthTime value="1984', 'birthTime value="2084'],
    ['a blank around the number', `extension="${samplePatient.ins}"`, `extension=" ${samplePatient.ins}&#xA0;"`],
    ['a blank around the authority', `root="${samplePatient.insOid}"`, `root="${samplePatient.insOid} "`],
    ['a number said to be unknown', `<id root="${samplePatient.insOid}"`, `<id nullFlavor="UNK" root="${samplePatient.insOid}"`],
    ['a patient said to be unknown', '<recordTarget>', '<recordTarget nullFlavor="UNK">'],
  ])('%s', async (_case, from, to) => {
    const xml = cdaOf()
    expect(xml).toContain(from)
    expect(await verdictOf('a.xml', xml.replace(from, to))).toEqual(['identity-unclear'])
  })

  test('the number of a foreigner (NIA), or a provisional one, says neither sex nor year', async () => {
    const nia = { ...samplePatient, sex: 'M' as const, insOid: INS_OIDS.nia }
    expect(await verdict({ patient: nia })).toBe('file')
    expect(await verdict({ patient: { ...samplePatient, ins: insWithKey('7840375114256') } })).toBe('file')
  })
})

test('a document id that tells the number of the patient waits, and so does one with blanks', async () => {
  expect(await verdict({ uniqueId: `1.2.250.1.213.1.4.8.${samplePatient.ins}` })).toEqual(['id-tells-patient'])
  expect(await verdict({}, xml => xml.replace('<id root="2.25.111222333"/>', '<id root="2.25.111222333&#xA0;"/>'))).toEqual([
    'id-not-oid',
    'schema-invalid',
  ])
})
