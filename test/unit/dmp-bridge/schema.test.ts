import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { writeSchema } from '../../../dmp-bridge/ans/schema-writer.ts'
import { openCdaSchemas } from '../../../dmp-bridge/ans/xsd.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { cdaOf, verdictOf } from './samples.ts'

const CDA = cdaOf()
const shipped = openCdaSchemas()
const takes = (xml: string | Buffer) => shipped.isValid(Buffer.from(xml))
const LAB = 'xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2"'

describe('the form of a CDA is checked, always', () => {
  test('ours have it', async () => {
    expect(takes(CDA)).toBe(true)
    expect(takes(cdaOf({ replaces: '2.25.7', version: 2 }))).toBe(true)
  })

  test.each<[string, string]>([
    ['an element missing', CDA.replace(/<custodian>[\s\S]*<\/custodian>/, '')],
    ['twice', CDA.replace(/(<title>.*<\/title>)/, '$1$1')],
    ['in another place', CDA.replace(/(<title>.*<\/title>)/, '').replace('<recordTarget>', '<title>x</title><recordTarget>')],
    ['that CDA does not know', CDA.replace('<recordTarget>', '<recordTarget><x/>')],
    ['of no namespace', CDA.replace('<recordTarget>', '<recordTarget xmlns="">')],
    ['a time that is none', CDA.replace(/<time value="[^"]*"/, '<time value="hier"')],
    ['a code that is none', CDA.replace('classCode="PSN"', 'classCode="DOG"')],
    ['another typeId', CDA.replace('2.16.840.1.113883.1.3"', '2.16.840.1.113883.1.4"')],
    ['an attribute that CDA does not know', CDA.replace('<patientRole>', '<patientRole x="1">')],
    ['text where only elements are', CDA.replace('<patientRole>', '<patientRole>x')],
  ])('%s', async (_case, xml) => {
    expect(xml).not.toBe(CDA)
    expect(takes(xml)).toBe(false)
    expect(await verdictOf('a.xml', xml)).toContain('schema-invalid')
  })

  test('inside its own style sheet too', () => {
    const inside = (cda: string) =>
      `<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">${cda.replace(/<\?xml.*?\?>/, '')}</xsl:stylesheet>`
    expect(takes(inside(CDA))).toBe(true)
    expect(takes(inside(CDA.replace(/<custodian>[\s\S]*<\/custodian>/, '')))).toBe(false)
    expect(takes('<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>')).toBe(false)
  })

  test('extensions may stand anywhere, whatever they hold, and do not stand for what is missing', () => {
    const extension = `<lab:a ${LAB}><id xmlns="urn:hl7-org:v3"/><lab:b lab:c="1"/><x xmlns="urn:hl7-org:v3"><lab:d/></x></lab:a>`
    expect(takes(CDA.replaceAll('<assignedPerson>', `<assignedPerson ${LAB} lab:x="1">${extension}`))).toBe(true)
    expect(takes(CDA.replace(/<custodian>[\s\S]*<\/custodian>/, `<custodian>${extension}</custodian>`))).toBe(false)
    expect(takes(CDA.replace('<custodian>', `<custodian xmlns="urn:x">`))).toBe(false)
  })

  test('nobody tells us where schemas are', () => {
    const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    expect(takes(CDA.replace('<patientRole>', `<patientRole ${xsi} xsi:schemaLocation="urn:hl7-org:v3 file:///etc/passwd">`))).toBe(true)
  })

  test('a PDF of 12 MB does not end the reading', () => {
    const xml = CDA.replace(/(<text mediaType[^>]*>)[^<]*/, (_, start: string) => start + 'QUFB'.repeat(4_000_000))
    expect(takes(xml)).toBe(true)
  })

  test('what is not XML at all is not valid', () => {
    expect(takes('<a')).toBe(false)
    expect(takes('')).toBe(false)
  })
})

test('a line of the shape that can not be read is named', () => {
  expect(() => writeSchema('data A (b', 'A')).toThrow(/\(b/)
  expect(() => writeSchema('thing A b', 'A')).toThrow('thing A b')
  expect(() => writeSchema('data A $none', 'A')).toThrow('none')
  expect(() => writeSchema('data A b | c', 'A')).toThrow('c')
})

/** The three that the ANS's own schema refuses (README of the test data); two of them for what an extension holds, which is not judged without it. */
const REFUSED = ['CSE-CS8_2021.01.xml', 'eP-MED-DM_PosoNonStruct_2022.01.xml', 'eP-MED-DM_PosoStruct_2022.01.xml']

describe.skipIf(!hasCorpus)('the examples of the ANS', () => {
  const refused = (schemas: ReturnType<typeof openCdaSchemas>, folder: string) =>
    readdirSync(corpus('cda', folder)).filter(name => !schemas.isValid(readFileSync(corpus('cda', folder, name))))

  test('have the form, but for one', () => {
    expect(refused(shipped, '3-0')).toEqual([])
    expect(refused(shipped, '2-41')).toEqual(REFUSED.slice(0, 1))
  })

  test('with the schema of the ANS installed: but for three', () => {
    const both = openCdaSchemas(corpus())
    expect(refused(both, '3-0')).toEqual([])
    expect(refused(both, '2-41')).toEqual(REFUSED)
  })
})
