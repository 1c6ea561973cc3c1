import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDtm, toDtm } from '../../../dmp-bridge/hl7-time.ts'
import { depositorOf, entryMetadata, setMetadata, signatureMetadata } from '../../../dmp-bridge/metadata.ts'
import { loadTables } from '../../../dmp-bridge/tables.ts'
import { codedElement, component, sourceId, uuidOid, xcn, xon } from '../../../dmp-bridge/xds-types.ts'
import { readXml } from '../../../dmp-bridge/xml.ts'
import { element, raw, writeXml } from '../../../dmp-bridge/xml-writer.ts'
import { sampleAuthor, samplePatient } from '../../world/letter.ts'
import { cdaOf, NOW, otherPatient, policy, read, sender } from './samples.ts'

const tables = loadTables()
const rpps = `8${sampleAuthor.rpps}`
const { structure } = sampleAuthor

async function factsOf(xml = cdaOf()) {
  return (await read('a.xml', xml)).documents[0]!.cda!
}

describe('times', () => {
  test.each([
    ['20210401134745+0100', '20210401124745'],
    ['20210401000000+0200', '20210331220000'],
    ['20210401134745.123-0500', '20210401184745'],
    ['202104011347+0100', '20210401124700'],
    ['20260105093000+0000', '20260105093000'],
    ['20210401', '20210401000000'],
    ['20200701134745', '20200701114745'],
    ['20200101134745', '20200101124745'],
    ['20210328015959', '20210328005959'],
    ['20210328030000', '20210328010000'],
    ['20211031013000', '20211030233000'],
  ])('%s is %s', (time, expected) => {
    expect(toDtm(time)).toBe(expected)
  })

  test.each(['', '2021', '202104', '20210230', '20211301', '2021040125', '202104011360', '2021-04-01', 'x', '20210401134745Z'])(
    '%s is none',
    time => {
      expect(toDtm(time)).toBeUndefined()
    },
  )

  test('any instant written with any zone comes back', () => {
    const instant = fc.date({ min: new Date('1970-01-02'), max: new Date('2099-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(instant, fc.integer({ min: -12, max: 14 }), (date, hours) => {
        const local = formatDtm(new Date(date.getTime() + hours * 3_600_000))
        const zone = `${hours < 0 ? '-' : '+'}${String(Math.abs(hours)).padStart(2, '0')}00`
        return toDtm(local + zone) === formatDtm(date)
      }),
    )
  })
})

describe('forms of XDS', () => {
  test('a professional, a device, a structure', () => {
    const person = { id: { extension: '801234567897', root: '1.2.250.1.71.4.2.1' }, family: 'DAVID', given: 'Charles', device: false }
    expect(xcn(person)).toBe('801234567897^DAVID^Charles^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS')
    expect(xcn({ ...person, id: { ...person.id, extension: '3690000000/12' } })).toMatch(/\^D\^\^\^EI$/)
    expect(xcn({ ...person, device: true })).toMatch(/\^U\^\^\^RI$/)
    expect(xon('Hôpital', '1750803447')).toBe('Hôpital^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750803447')
    expect(codedElement({ code: 'G15_10/SM26', label: 'Médecin - x', system: '1.2.250.1.213.1.1.4.5' })).toBe(
      'G15_10/SM26^Médecin - x^1.2.250.1.213.1.1.4.5',
    )
    expect(sourceId('1750803447')).toBe('1.2.250.1.71.4.2.2.1750803447')
  })

  test('no text can break out of its component', () => {
    expect(component('a^b&c|d~e\\f\n g')).toBe('a\\S\\b\\T\\c\\F\\d\\R\\e\\E\\f g')
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), text => !/[\^&|~]/.test(component(text))))
  })

  test('a UUID is an OID', () => {
    expect(uuidOid('f81d4fae-7dec-11d0-a765-00a0c91e6bf6')).toBe('2.25.329800735698586629295641978511506172918')
  })
})

test('an ordinary letter', async () => {
  expect(entryMetadata(await factsOf(), tables)).toEqual({
    uniqueId: '2.25.111222333',
    mimeType: 'text/xml',
    title: "Lettre d'adressage",
    language: 'fr-FR',
    creationTime: '20260105093000',
    serviceStart: '20260105093000',
    patientId: `${samplePatient.ins}^^^&1.2.250.1.213.1.4.10&ISO^NH`,
    sourcePatientId: 'D-0001^^^&1.2.250.1.999.1.1&ISO^PI',
    sourcePatientInfo: ['PID-5|TESTOU^HÉLOÏSE^^^^^L', 'PID-7|19840309', 'PID-8|F'],
    authors: [
      {
        person: `${rpps}^FICTIF^Éloi^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS`,
        institutions: [`${structure.name}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^${structure.id}`],
        specialty: 'G15_10/SM26^Médecin - Qualifié en Médecine Générale (SM)^1.2.250.1.213.1.1.4.5',
      },
    ],
    legalAuthenticator: `${rpps}^FICTIF^Éloi^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS`,
    class: { code: '10', system: '1.2.250.1.213.1.1.4.1', label: 'Compte rendu' },
    type: { code: '96349-6', system: '2.16.840.1.113883.6.1', label: "Lettre d'adressage" },
    format: { code: 'urn:ihe:iti:xds-sd:pdf:2008', system: '1.3.6.1.4.1.19376.1.2.3', label: 'Document à corps non structuré en Pdf/A-1' },
    facility: { code: 'SA07', system: '1.2.250.1.71.4.2.4', label: 'Cabinet individuel' },
    practice: { code: 'AMBULATOIRE', system: '1.2.250.1.213.1.1.4.9', label: 'Ambulatoire' },
    confidentiality: [{ code: 'N', system: '2.16.840.1.113883.5.25', label: 'Normal' }],
    events: [],
  })
})

test('without a local number the national identity stands for it', async () => {
  const cda = await factsOf(cdaOf({ patient: otherPatient }).replace('<id root="1.2.250.1.999.1.1" extension="D-0001"/>', ''))
  const entry = entryMetadata(cda, tables)
  expect(entry.sourcePatientId).toBe(entry.patientId)
})

test('a document that presents itself says so', async () => {
  const inside = cdaOf().replace(/^<\?xml[^>]*\?>/, '')
  const cda = await factsOf(`<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">${inside}</xsl:stylesheet>`)
  expect(entryMetadata(cda, tables).mimeType).toBe('application/xslt+xml')
})

describe('as whom it is deposited', () => {
  test('the author who sends', async () => {
    const responsible = { idNatPs: '810000000000', name: 'RESPONSABLE' }
    expect(depositorOf(await factsOf(), sender, { ...policy, responsible })).toMatchObject({
      idNatPs: rpps,
      structure: structure.id,
      author: { person: `${rpps}^FICTIF^Éloi^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS` },
    })
  })

  test('else who answers for the automated processing', async () => {
    const responsible = { idNatPs: '810000000000', name: 'RESPONSABLE' }
    const depositor = depositorOf(await factsOf(), { ...sender, idNatPs: '899999999999' }, { ...policy, responsible })
    expect(depositor.idNatPs).toBe('810000000000')
    expect(depositor.author.person).toMatch(/^810000000000\^RESPONSABLE\^\^/)
    expect(depositor.author.specialty).toBeUndefined()
  })

  test('in the structure of the certificate before its sites', async () => {
    const site = '1999999999'
    const both = await factsOf(
      cdaOf().replace(
        `<id root="1.2.250.1.71.4.2.2" extension="${structure.id}"/>`,
        match => `<id root="1.2.250.1.71.4.2.2" extension="${site}"/>${match}`,
      ),
    )
    expect(depositorOf(both, sender, { ...policy, sites: [site] }).structure).toBe(structure.id)
    expect(depositorOf(both, sender, { ...policy, structure: '1750000018', sites: [site] }).structure).toBe(site)
  })
})

test('submission set and signature', async () => {
  const cda = await factsOf()
  const entry = entryMetadata(cda, tables)
  const setId = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'
  const set = setMetadata(cda, entry, { depositor: depositorOf(cda, sender, policy), policy, tables, now: NOW, setId, others: 0 })
  expect(set).toMatchObject({
    uniqueId: uuidOid(setId),
    sourceId: `1.2.250.1.71.4.2.2.${policy.structure}`,
    patientId: entry.patientId,
    submissionTime: '20260105093000',
    content: { code: '07', system: '1.2.250.1.213.2.2' },
  })
  expect(signatureMetadata(entry, set, tables, setId)).toMatchObject({
    title: 'Source',
    language: 'art',
    patientId: entry.patientId,
    authors: [set.author],
    class: { code: 'urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1', system: 'URN' },
    type: { code: 'E1762', system: 'ASTM' },
    format: { code: 'http://www.w3.org/2000/09/xmldsig#' },
    confidentiality: [{ code: 'N' }, { code: 'MASQUE_PS' }, { code: 'INVISIBLE_PATIENT' }],
    events: [{ code: '1.2.840.10065.1.12.1.14', system: '1.2.840.10065.1.12' }],
  })
})

describe('XML that we write', () => {
  const limits = { maxBytes: 1e6, maxDepth: 10, maxElements: 100 }

  test('comes back as it was, whatever the texts', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '&', '<', '>', '"', "'", '\r', '\n', '\t', ']', ' ', '€', '😀') })
    fc.assert(
      fc.property(text, text, (inside, value) => {
        const { root } = readXml(Buffer.from(writeXml(element('a', { b: value }, element('c', {}, inside)))), limits)
        return root.attributes.get('b') === value && root.children[0]?.text === inside
      }),
    )
  })

  test('keeps a signed piece as it is, without its declaration', () => {
    expect(writeXml(element('a', { b: undefined }, raw('<?xml version="1.0"?>\n<c d=\'1\'/>'), undefined))).toBe("<a><c d='1'/></a>")
  })

  test('refuses what no XML can carry', () => {
    for (const text of ['\0', '\x08', '\ufffe', '\ud800']) expect(() => writeXml(element('a', {}, text))).toThrow()
  })
})

test('a root that is no OID brings no separators into an identifier', async () => {
  const root = '1.2&amp;ISO^PI~x^^^&amp;9'
  const patient = await factsOf(cdaOf().replace('root="1.2.250.1.999.1.1"', `root="${root}"`))
  expect(entryMetadata(patient, tables).sourcePatientId).toBe(entryMetadata(patient, tables).patientId)
  const device = { id: { extension: 'A~B', root: '1.2&ISO^D~x' }, family: 'Mod^le', given: 'x', device: true }
  expect(xcn(device)).toBe('A\\R\\B^Mod\\S\\le^x^^^^^^^U^^^RI')
  expect(xcn({ ...device, id: { extension: 'A', root: '1.2.3' } })).toBe('A^Mod\\S\\le^x^^^^^^&1.2.3&ISO^U^^^RI')
  expect(codedElement({ code: 'a', label: 'b', system: '1.2^c~d' })).toBe('a^b^1.2\\S\\c\\R\\d')
})
