import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openAnsFiles } from '../../../dmp-bridge/ans/ans-files.ts'
import { loadAnsTables } from '../../../dmp-bridge/ans/ans-tables.ts'
import { inspectFile } from '../../../dmp-bridge/inspect.ts'
import { shippedTables } from '../../../dmp-bridge/tables.ts'
import { corpus, hasCorpus } from '../../support/corpus.ts'
import { cdaOf, policy, sender } from './samples.ts'

const LOINC = '2.16.840.1.113883.6.1'
const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** What an operator installs: files of `tables/` by their names. */
function installed(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'pli-ans-'))
  folders.push(folder)
  mkdirSync(join(folder, 'tables/fhir'), { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'tables', name), content)
  return folder
}

type Row = [code: string, system: string, label?: string]

function concept([code, system, label = 'x']: Row): string {
  return `<Concept code="${code}" codeSystem="${system}" displayName="${label}"/>`
}

function svs(inside: string, date = '20260901120000'): string {
  const set = `<ValueSet id="1.2.3" displayName="x" dateMaj="${date}">${inside}</ValueSet>`
  return `<?xml version="1.0" encoding="UTF-8"?><RetrieveValueSetResponse xmlns="urn:ihe:iti:svs:2008">${set}</RetrieveValueSetResponse>`
}

const list = (...rows: Row[]) => svs(`<ConceptList>${rows.map(concept).join('')}</ConceptList>`)
const mapped = (...pairs: [Row, Row][]) =>
  svs(
    `<MappedConceptList>${pairs.map(pair => `<MappedConcept>${pair.map(concept).join('')}</MappedConcept>`).join('')}</MappedConceptList>`,
  )
const type = (code: string, system = LOINC) => ({ code, system, label: '' })
const tablesOf = (files: Record<string, string>) => loadAnsTables(installed(files)).tables
const verdict = async (ansFiles: string) =>
  (await inspectFile('a.xml', Buffer.from(cdaOf()), { sender, policy: { ...policy, ansFiles } })).documents.map(each =>
    each.reasons.map(({ reason }) => reason),
  )

describe('value sets that an operator installed', () => {
  test('nothing installed: everything as shipped, and said so', () => {
    const { tables, sources, unused } = loadAnsTables(installed({}))
    expect(tables.editions).toEqual(shippedTables().editions)
    expect(new Set(sources.map(each => each.source))).toEqual(new Set(['shipped']))
    expect(unused).toEqual([])
    expect(tables.hasType(type('96349-6'))).toBe(true)
  })

  test('types: the list is replaced whole, and the class is the shipped one until the pairs are there too', () => {
    const types = list(['96349-6', LOINC], ['99999-9', LOINC])
    const alone = tablesOf({ 'JDV_J07-XdsTypeCode-CISIS.xml': types })
    expect(alone.editions.types).toBe('2026-09-01')
    expect(alone.hasType(type('11488-4'))).toBe(false)
    expect(alone.classOf(type('96349-6'))?.code).toBe('10')
    expect(alone.hasType(type('99999-9')) && alone.classOf(type('99999-9'))).toBeUndefined()
    const pairs = mapped([
      ['99999-9', LOINC],
      ['11', '1.2.250.1.213.1.1.4.1'],
    ])
    const both = tablesOf({ 'JDV_J07_XdsTypeCode_CISIS.xml': types, 'ASS_X04.xml': pairs })
    expect(both.classOf(type('99999-9'))).toMatchObject({ code: '11', professional: true })
    expect(both.classOf(type('96349-6'))).toBeUndefined()
  })

  test('formats by model, with labels where they are given; a body of level 1 keeps its own', () => {
    const tables = tablesOf({
      'ASS_A11.xml': mapped(
        [
          ['1.2.3.4', '1.2.250.1.213.1.1.4.328'],
          ['urn:a:1', '1.2.5'],
        ],
        [
          ['1.3.6.1.4.1.19376.1.2.20', '1.2.250.1.213.1.1.4.329'],
          ['urn:ihe:iti:xds-sd:pdf:2008', '1.2.6'],
        ],
      ),
      'fhir/JDV_J10-x.json': JSON.stringify({
        resourceType: 'ValueSet',
        date: '2026-08-01T00:00:00+02:00',
        compose: { include: [{ system: 'https://x', concept: [{ code: 'urn:a:1', display: 'Un modèle' }] }] },
      }),
    })
    expect(tables.formatOf({ body: 'N3', templateIds: ['1.2.3.4'] })).toEqual({ code: 'urn:a:1', system: '1.2.5', label: 'Un modèle' })
    expect(tables.formatOf({ body: 'N3', templateIds: ['1.3.6.1.4.1.19376.1.2.20'] })).toBeUndefined()
    expect(tables.formatOf({ body: 'N3', templateIds: ['1.2.250.1.213.1.1.1.13'] })).toBeUndefined()
    expect(tables.formatOf({ body: 'N1', mediaType: 'application/pdf', templateIds: [] })?.code).toBe('urn:ihe:iti:xds-sd:pdf:2008')
  })

  test('places, practices, specialties to the character, confidentiality', () => {
    const tables = tablesOf({
      'JDV_J01.xml': list(['G15_10/SM26', '1.2.250.1.213.1.1.4.5'], ['10.2', '1.2.9']),
      'JDV_J02.xml': list(['SA99', '1.2.250.1.71.4.2.4', 'Un lieu']),
      'JDV_J04.xml': list(['AILLEURS', '1.2.250.1.213.1.1.4.9']),
      'JDV_J08.xml': list(['N', '2.16.840.1.113883.5.25'], ['MASQUE_PS', '1.2.250.1.213.1.1.4.13']),
    })
    expect(tables.facility(type('SA99', '1.2.250.1.71.4.2.4'))?.label).toBe('Un lieu')
    expect(tables.facility(type('SA07', '1.2.250.1.71.4.2.4'))).toBeUndefined()
    expect(tables.practice(type('AILLEURS', '1.2.250.1.213.1.1.4.9'))).toBeDefined()
    expect(tables.hasSpecialty(type('G15_10/SM26', '1.2.250.1.213.1.1.4.5'))).toBe(true)
    expect(tables.hasSpecialty(type('G15_10/SM27', '1.2.250.1.213.1.1.4.5'))).toBe(false)
    expect(tables.hasSpecialty(type('1002', '1.2.9'))).toBe(false)
    expect(tables.confidentiality('MASQUE_PS')).toBeDefined()
    expect(tables.confidentiality('INVISIBLE_PATIENT')).toBeUndefined()
  })

  test('a class that the program does not know is filed by nobody', () => {
    const j57 = (code: string) =>
      JSON.stringify({ resourceType: 'ValueSet', date: '2026-08-01', compose: { include: [{ system: 'x', concept: [{ code }] }] } })
    expect(tablesOf({ 'fhir/JDV_J57.json': j57('10') }).classOf(type('96349-6'))?.professional).toBe(true)
    const pairs = mapped([
      ['96349-6', LOINC],
      ['77', '1.2.250.1.213.1.1.4.1'],
    ])
    const tables = tablesOf({ 'fhir/JDV_J57.json': j57('77'), 'ASS_X04.xml': pairs })
    expect(tables.classOf(type('96349-6'))?.professional).toBe(false)
  })

  test('what decides uses them', async () => {
    expect(await verdict(installed({}))).toEqual([[]])
    expect(await verdict(installed({ 'JDV_J07.xml': list(['99999-9', LOINC]) }))).toEqual([['unknown-type']])
  })

  test('files that nothing is made of are named', () => {
    expect(loadAnsTables(installed({ 'JDV_J99.xml': 'x', 'JDV_J070.xml': 'x' })).unused).toEqual(['JDV_J070.xml', 'JDV_J99.xml'])
  })
})

describe('a file that can not be used is named, and nothing stands in for it', () => {
  test.each<[string, string, RegExp]>([
    ['no XML', 'x', /xml-malformed/],
    ['a DTD', `<!DOCTYPE a><a/>`, /xml-dtd/],
    ['another root', '<a/>', /RetrieveValueSetResponse/],
    ['no set', '<RetrieveValueSetResponse xmlns="urn:ihe:iti:svs:2008"/>', /one ValueSet/],
    ['no date', list(['1', '2']).replace(/dateMaj="\d+"/, ''), /./],
    ['a date that is none', list(['1', '2']).replace('20260901', '20261301'), /date/i],
    ['no concepts', list(), /no concepts/],
    ['a concept without a code', list(['', '2']), /no code/],
    ['a concept without a system', list(['1', '']), /no codeSystem/],
    [
      'three in a pair',
      svs(`<MappedConceptList><MappedConcept>${concept(['1', '2']).repeat(3)}</MappedConcept></MappedConceptList>`),
      /two/,
    ],
  ])('%s', (_case, content, why) => {
    const folder = installed({ 'JDV_J07.xml': content })
    expect(() => loadAnsTables(folder)).toThrow(/JDV_J07\.xml/)
    expect(() => loadAnsTables(folder)).toThrow(why)
  })

  test('two files for one set', () => {
    expect(() => loadAnsTables(installed({ 'JDV_J07.xml': list(['1', '2']), 'JDV_J07-new.xml': list(['1', '2']) }))).toThrow(/leave one/)
  })

  test('confidentiality without what is normal', () => {
    expect(() => tablesOf({ 'JDV_J08.xml': list(['R', '2.16.840.1.113883.5.25']) })).toThrow(/JDV_J08/)
  })

  test('a schema', async () => {
    const folder = installed({})
    mkdirSync(join(folder, 'schema'))
    writeFileSync(
      join(folder, 'schema/CDA_extended.xsd'),
      '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="/etc/passwd"/><x/></xs:schema>',
    )
    await expect(openAnsFiles(folder)).rejects.toThrow(/CDA_extended\.xsd/)
  })
})

describe.skipIf(!hasCorpus)('the files of the ANS', () => {
  test('are read as published', () => {
    const { sources, tables, unused } = loadAnsTables(corpus())
    expect(sources.map(({ table, edition, count }) => [table.slice(0, 7), edition, count])).toEqual([
      ['JDV_J07', '2025-04-25', 116],
      ['ASS_X04', '2024-02-23', 124],
      ['JDV_J57', '2023-09-22', 12],
      ['ASS_A11', '2024-01-26', 62],
      ['JDV_J10', '2024-04-26', expect.any(Number)],
      ['JDV_J02', '2025-05-23', 69],
      ['JDV_J04', '2024-09-27', 12],
      ['JDV_J08', '2020-04-24', 6],
      ['JDV_J01', '2025-03-28', 391],
    ])
    expect(sources.every(each => each.source !== 'shipped')).toBe(true)
    expect(unused).toContain('JDV_J65-SubjectRole-DMP.xml')
    expect(tables.classOf(type('11488-4'))).toMatchObject({ code: '10', professional: true })
  })

  test('an older edition in place of a newer one: what is new there waits', () => {
    const folder = installed({})
    for (const name of ['JDV_J07_XdsTypeCode_CISIS.xml', 'JDV_J01_XdsAuthorSpecialty_CISIS.xml']) {
      cpSync(corpus('tables/previous', name), join(folder, 'tables', name))
    }
    const [older, newer] = [loadAnsTables(folder).tables, loadAnsTables(corpus()).tables]
    expect(older.editions.types).toBe('2024-09-27')
    expect(['34876-3', '68814-3'].map(code => [older, newer].map(tables => tables.hasType(type(code))))).toEqual([
      [false, true],
      [false, true],
    ])
  })
})
