import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { readCda } from '../../../dmp-bridge/cda.ts'
import { cpuClock } from '../../support/cpu-time.ts'
import { sampleAuthor, samplePatient } from '../../world/letter.ts'
import { cdaOf, UNIQUE_ID } from './samples.ts'

function readOf(xml: string | Uint8Array, limits = {}) {
  return readCda(Buffer.from(xml as string), { ...DEFAULT_LIMITS, ...limits })
}

function factsOf(xml: string | Uint8Array) {
  const reading = readOf(xml)
  if (reading.kind !== 'cda') throw new Error(`not read: ${reading.kind}`)
  return reading.cda
}

test('the header of an ordinary letter gives its facts', () => {
  expect(readOf(cdaOf())).toMatchObject({
    kind: 'cda',
    faults: [],
    cda: {
      uniqueId: UNIQUE_ID,
      recordTargets: 1,
      typeCode: { code: '96349-6', system: '2.16.840.1.113883.6.1' },
      patient: {
        ins: { matricule: samplePatient.ins, oid: samplePatient.insOid },
        identities: 1,
        localId: { extension: 'D-0001', root: '1.2.250.1.999.1.1' },
        birthName: 'TESTOU',
        firstName: 'HÉLOÏSE',
        birthDate: '19840309',
        sex: 'F',
        birthPlace: '75114',
      },
      authors: [{ idNatPs: `8${sampleAuthor.rpps}`, structures: [sampleAuthor.structure.id], device: false }],
      confidentiality: 'N',
      body: 'N1',
      mediaType: 'application/pdf',
      facility: { code: 'SA07' },
      practice: { code: 'AMBULATOIRE' },
      version: 1,
      selfPresentable: false,
    },
  })
})

test('used names and unqualified names are no traits', () => {
  const bare = cdaOf().replaceAll(' qualifier="BR"', '')
  expect(factsOf(bare).patient).not.toHaveProperty('birthName')
  expect(factsOf(bare).patient).not.toHaveProperty('firstName')
})

test('an extension, a parent and a second patient are seen', () => {
  expect(factsOf(cdaOf({ idExtension: 'X1' })).idExtension).toBe('X1')
  expect(factsOf(cdaOf({ replaces: '1.2.3' })).replaces).toBe('1.2.3')
  expect(factsOf(cdaOf({ secondPatient: samplePatient })).recordTargets).toBe(2)
})

test('a parent without id, or that is completed, is a relation; a transformation is none', () => {
  const cda = cdaOf({ replaces: '1.2.3' })
  for (const related of [cda.replace('<id root="1.2.3"/>', '<id nullFlavor="UNK"/>'), cda.replace('"RPLC"', '"APND"')]) {
    expect(factsOf(related)).toMatchObject({ related: true })
    expect(factsOf(related)).not.toHaveProperty('replaces')
  }
  expect(factsOf(cda.replace('"RPLC"', '"XFRM"'))).not.toHaveProperty('replaces')
  expect(factsOf(cda.replace('"RPLC"', '"XFRM"'))).not.toHaveProperty('related')
})

test('two identities of two authorities are counted', () => {
  const second = `<id root="1.2.250.1.213.1.4.8" extension="279035121518989"/><id root="${samplePatient.insOid}"`
  expect(factsOf(cdaOf().replace(`<id root="${samplePatient.insOid}"`, second)).patient.identities).toBe(2)
})

test('a CDA inside the style sheet that presents it is read', () => {
  const xml = cdaOf().replace(/^<\?xml[^>]*\?>/, '')
  const sheet = `<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><x:Contenu xmlns:x="urn:x">${xml}</x:Contenu></xsl:stylesheet>`
  expect(factsOf(sheet)).toMatchObject({ uniqueId: UNIQUE_ID, selfPresentable: true })
  const noDocument =
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="ClinicalDocument"/></xsl:stylesheet>'
  expect(readOf(noDocument)).toEqual({ kind: 'not-a-cda' })
})

test('byte order mark and CRLF change nothing', () => {
  expect(factsOf(`\ufeff${cdaOf().replaceAll('\n', '\r\n')}`).uniqueId).toBe(UNIQUE_ID)
})

test('another encoding is read by its declaration, and is a fault', () => {
  const latin = Buffer.from(cdaOf().replace('UTF-8', 'ISO-8859-1'), 'latin1')
  expect(readOf(latin)).toMatchObject({ kind: 'cda', faults: ['xml-encoding'], cda: { patient: { firstName: 'HÉLOÏSE' } } })
  const utf16 = Buffer.from(`\ufeff${cdaOf().replace('UTF-8', 'UTF-16')}`, 'utf16le')
  expect(readOf(utf16)).toMatchObject({ kind: 'cda', faults: ['xml-encoding'], cda: { patient: { firstName: 'HÉLOÏSE' } } })
})

describe('what is not read', () => {
  test.each([
    ['a DTD', (xml: string) => xml.replace('?>', '?><!DOCTYPE ClinicalDocument>'), 'xml-dtd'],
    [
      'an entity',
      (xml: string) => xml.replace('?>', '?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>').replace('TESTOU', '&a;'),
      'xml-dtd',
    ],
    ['an undeclared entity', (xml: string) => xml.replace('TESTOU', '&nom;'), 'xml-malformed'],
    ['a cut document', (xml: string) => xml.slice(0, -40), 'xml-malformed'],
    ['a blank before the declaration', (xml: string) => ` ${xml}`, 'xml-malformed'],
    ['an unbound prefix', (xml: string) => xml.replace('<realmCode', '<x:a/><realmCode'), 'xml-malformed'],
    ['an unknown encoding', (xml: string) => xml.replace('UTF-8', 'X-NOT-ONE'), 'xml-encoding'],
    [
      'a depth beyond the limit',
      (xml: string) => xml.replace('<component>', `<component>${'<a>'.repeat(300)}${'</a>'.repeat(300)}`),
      'xml-too-big',
    ],
  ])('%s', (_what, change, reason) => {
    expect(readOf(change(cdaOf()))).toEqual({ kind: 'unreadable', reason })
  })

  test('bytes that are not the encoding they claim', () => {
    expect(readOf(Buffer.from(cdaOf(), 'latin1'))).toEqual({ kind: 'unreadable', reason: 'xml-malformed' })
  })

  test('more bytes or elements than allowed', () => {
    expect(readOf(cdaOf(), { maxXmlBytes: 100 })).toEqual({ kind: 'unreadable', reason: 'xml-too-big' })
    expect(readOf(cdaOf(), { maxXmlElements: 10 })).toEqual({ kind: 'unreadable', reason: 'xml-too-big' })
  })

  test('the body does not count as header, but must be well formed', () => {
    const body = `<structuredBody>${'<section/>'.repeat(2000)}</structuredBody>`
    const structured = cdaOf().replace(/<nonXMLBody>[\s\S]*<\/nonXMLBody>/, body)
    expect(readOf(structured, { maxXmlElements: 1000 })).toMatchObject({ kind: 'cda', cda: { body: 'N3' } })
    const embedded = cdaOf().replace(/(<text [^>]*>)[^<]*/, `$1${'<x/>'.repeat(2000)}`)
    expect(readOf(embedded, { maxXmlElements: 1000 })).toMatchObject({ kind: 'cda', cda: { body: 'N1', mediaType: 'application/pdf' } })
    expect(readOf(structured.replace('<section/>', '<section>'))).toEqual({ kind: 'unreadable', reason: 'xml-malformed' })
  })
})

test('a script and a second document are faults', () => {
  expect(readOf(cdaOf().replace('<component>', '<component><script/></component><component>'))).toMatchObject({
    faults: ['active-content', 'header-repeated'],
  })
  const twin = '<component><ClinicalDocument/></component><component>'
  expect(readOf(cdaOf().replace('<component>', twin))).toMatchObject({ faults: ['several-documents', 'header-repeated'] })
})

test('ten thousand unclosed elements are refused at once', () => {
  const spent = cpuClock()
  expect(readOf('<ClinicalDocument>'.repeat(100_000))).toMatchObject({ kind: 'unreadable' })
  expect(spent()).toBeLessThan(2000)
})
