import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { decide } from '../../../dmp-bridge/decide.ts'
import { loadTables, TABLES_FOLDER } from '../../../dmp-bridge/tables.ts'
import { cdaOf, policy, read, sender, verdictOf } from './samples.ts'

const LOINC = '2.16.840.1.113883.6.1'
const FRENCH = '1.2.250.1.213.1.1.4.12'
const tables = loadTables()
const copies: string[] = []

afterAll(() => {
  for (const folder of copies) rmSync(folder, { recursive: true })
})

/** A copy of the tables in which one file was changed. */
function copyWith(name: string, change: (text: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pli-tables-'))
  copies.push(folder)
  cpSync(TABLES_FOLDER, folder, { recursive: true })
  writeFileSync(join(folder, name), change(readFileSync(join(folder, name), 'utf8')))
  return folder
}

describe('type to class', () => {
  test.each([
    ['11488-4', LOINC, '10'],
    ['96349-6', LOINC, '10'],
    ['60591-5', LOINC, '11'],
    ['18748-4', LOINC, '31'],
    ['57833-6', LOINC, '42'],
    ['60593-1', LOINC, '43'],
    ['18776-5', LOINC, '44'],
    ['80565-5', LOINC, '45'],
    ['87273-9', LOINC, '52'],
    ['CERT_DECL', FRENCH, '52'],
    ['REMB', FRENCH, '60'],
    ['51851-4', LOINC, '95'],
  ])('%s', (code, system, expected) => {
    expect(tables.classOf({ code, system, label: '' })).toMatchObject({ code: expected, system: '1.2.250.1.213.1.1.4.1' })
  })

  test.each(['28617-9', '34120-6', '34876-3', '60280-5', '68814-3', '78341-5', '89233-1', '101881-1'])(
    '%s is a type without a class',
    code => {
      const type = { code, system: LOINC, label: '' }
      expect(tables.hasType(type)).toBe(true)
      expect(tables.classOf(type)).toBeUndefined()
    },
  )

  test.each(['57133-1', '10213-7', '11493-4', '39256-3', '', 'constructor'])('%s is no type (any more)', code => {
    expect(tables.hasType({ code, system: LOINC, label: '' })).toBe(false)
    expect(tables.classOf({ code, system: LOINC, label: '' })).toBeUndefined()
  })

  test('a code belongs to its system', () => {
    expect(tables.hasType({ code: '11488-4', system: FRENCH, label: '' })).toBe(false)
  })
})

describe('format', () => {
  test.each([
    ['application/pdf', 'urn:ihe:iti:xds-sd:pdf:2008'],
    ['text/plain', 'urn:ihe:iti:xds-sd:text:2008'],
    ['image/jpeg', 'urn:ihe:iti-fr:xds-sd:jpeg:2010'],
    ['text/rtf', 'urn:ihe:iti-fr:xds-sd:rtf:2010'],
    ['image/tiff', 'urn:ihe:iti-fr:xds-sd:tiff:2010'],
  ])('of a level 1 body in %s, whatever its templates', (mediaType, code) => {
    const cda = { body: 'N1' as const, mediaType, templateIds: ['1.2.250.1.213.1.1.1.55'] }
    expect(tables.formatOf(cda)?.code).toBe(code)
  })

  test('of a structured body, by the one template that is listed', () => {
    const formatOf = (...templateIds: string[]) => tables.formatOf({ body: 'N3', templateIds })?.code
    expect(formatOf('2.16.840.1.113883.2.8.2.1', '1.2.250.1.213.1.1.1.1', '1.2.250.1.213.1.1.1.13')).toBe('urn:asip:ci-sis:vsm:2012')
    expect(formatOf('1.3.6.1.4.1.19376.1.3.3')).toBe('urn:ihe:lab:xd-lab:2008')
    expect(formatOf('1.2.250.1.213.1.1.1.59')).toBeUndefined()
    expect(formatOf()).toBeUndefined()
  })
})

test('places and specialties', () => {
  expect(tables.facility({ code: 'SA07', system: '1.2.250.1.71.4.2.4', label: '' })?.label).toBe('Cabinet individuel')
  expect(tables.facility({ code: 'SA07', system: '1.2.3', label: '' })).toBeUndefined()
  expect(tables.facility(undefined)).toBeUndefined()
  expect(tables.practice({ code: 'HAD', system: '1.2.250.1.213.1.1.4.9', label: '' })?.code).toBe('HAD')
  const specialty = (code: string, system = '1.2.250.1.213.1.1.4.5') => tables.hasSpecialty({ code, system, label: '' })
  expect(['G15_10/SM26', 'G15_60', 'G15_21/A', 'G16_10', '300'].every(each => specialty(each))).toBe(true)
  expect(specialty('G15_10^x') || specialty('médecin') || specialty('G15_10', '1.2.3')).toBe(false)
  expect(specialty('AUTOMATE', '1.2.250.1.213.1.1.4.6')).toBe(true)
})

test('what a submission is about', () => {
  const contentOf = (encounter?: string, practice = 'HAD') =>
    tables.contentOf({ ...(encounter && { encounter }), practice: { code: practice, system: '', label: '' } }).code
  expect([contentOf('IMP'), contentOf('AMB'), contentOf('EMER')]).toEqual(['03', '07', '07'])
  expect([contentOf(undefined, 'ETABLISSEMENT'), contentOf(undefined, 'AMBULATOIRE'), contentOf()]).toEqual(['03', '07', '97'])
})

test('every table is dated and said to be what it is', () => {
  const names = readdirSync(TABLES_FOLDER).filter(name => !['dmp-errors.json', 'type-labels.json'].includes(name))
  expect(Object.keys(tables.editions).sort()).toEqual(names.map(name => name.replace('.json', '')).sort())
  for (const edition of Object.values(tables.editions)) expect(edition).toMatch(/^20\d\d-\d\d-\d\d$/)
})

test('an operator may put newer tables in a folder of his, and what they do not know waits', async () => {
  const folder = copyWith('types.json', text => text.replaceAll('96349-6', '96349-7'))
  const recognition = await read('a.xml', cdaOf())
  const outcome = decide(recognition.documents[0]!, recognition, sender, policy, { tables: loadTables(folder) })
  expect(outcome).toEqual({ action: 'hold', reasons: ['unknown-type'] })
  expect(await verdictOf('a.xml', cdaOf())).toBe('file')
})

test('a table of another shape is refused by its name', () => {
  expect(() => loadTables(copyWith('types.json', text => text.replace('"edition"', '"date"')))).toThrow(/types\.json/)
  expect(() => loadTables(copyWith('classes.json', text => text.replace('"professional": true', '"professional": "yes"')))).toThrow(
    /classes\.json/,
  )
  expect(() => loadTables('/nowhere')).toThrow()
})
