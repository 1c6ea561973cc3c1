import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ImportFault, importExtract, openDirectory } from '../../../directory/index.ts'
import { EXTRACT_HEADER, extractLine, generateExtract, writeExtract } from '../../world/extract.ts'
import { buildPeople, publishedAuthor } from '../../world/people.ts'

const NOW = new Date('2026-03-02T05:00:00Z')
const people = buildPeople()

let folder: string
let target: string
let text: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-extract-'))
  target = join(folder, 'directory.db')
  text = join(folder, 'Extraction_Correspondance_MSSante_202603020500.txt')
})

afterEach(() => rmSync(folder, { recursive: true }))

const write = (lines: string[], options: { header?: string; end?: string } = {}) =>
  writeFileSync(text, [options.header ?? EXTRACT_HEADER, ...lines].join(options.end ?? '\n'))
const run = (source = text) => importExtract(source, target, { now: NOW })
const lines = (count: number) => people.slice(0, count).map(extractLine)

/** The line of the published author with some columns (counted from 1) replaced. */
function lineWith(columns: Record<number, string>): string {
  const cells = extractLine(publishedAuthor).split('|')
  for (const [column, value] of Object.entries(columns)) cells[Number(column) - 1] = value
  return cells.join('|')
}

async function found(address = publishedAuthor.address) {
  const directory = openDirectory(target)
  const listing = directory.find(address)
  directory.close()
  return listing
}

/** @returns the reason of the fault that the import ends with */
async function refusal(source?: string): Promise<string> {
  const error = await run(source).catch(fault => fault)
  expect(error).toBeInstanceOf(ImportFault)
  return error.reason
}

describe('an extract that is in order', () => {
  test('every box of it is found, as it was written', async () => {
    await writeExtract(text, people)
    const report = await run()
    expect(report).toEqual({
      lines: people.length,
      count: people.length,
      added: people.length,
      removed: 0,
      changed: 0,
      changedFields: {},
      duplicates: 0,
      refused: {},
      refusedLines: [],
      generatedAt: NOW,
    })
    const directory = openDirectory(target)
    expect([directory.count, directory.importedAt]).toEqual([people.length, NOW])
    for (const { address, type, place, person } of people) {
      const listing = directory.find(address)
      expect(listing).toMatchObject({ address, type, idNatStruct: place.idNatStruct, department: place.department })
      expect([listing?.rpps, listing?.idNatPs]).toEqual(person ? [person.rpps, `8${person.rpps}`] : [undefined, undefined])
    }
    directory.close()
  })

  test('a zip of one text gives the same boxes', async () => {
    const zip = join(folder, 'extract.zip')
    await writeExtract(zip, people)
    expect((await run(zip)).count).toBe(people.length)
    expect(await found()).toEqual({
      address: 'claire.exemple@alpha.mssante.example',
      type: 'PER',
      name: 'DR CLAIRE EXEMPLE',
      idNatPs: '801234567897',
      rpps: '01234567897',
      idNatStruct: '1750803447',
      profession: 'Médecin',
      speciality: 'Médecine générale',
      structure: "Cabinet fictif de l'Exemple",
      place: '75999 EXEMPLEVILLE',
      department: '75',
      paperless: true,
    })
  })

  test('the names of an organisation are its service and its structure', async () => {
    await writeExtract(text, people)
    await run()
    const listing = await found('chirurgie.ch-beauval@beta.mssante.example')
    expect(listing?.name).toBe('Chirurgie, Centre hospitalier fictif de Beauval')
    expect(listing?.profession).toBeUndefined()
  })

  test.each([
    ['CRLF', { end: '\r\n' }],
    ['a byte order mark', { header: `\uFEFF${EXTRACT_HEADER}` }],
    ['a header in capitals', { header: EXTRACT_HEADER.toUpperCase() }],
  ])('%s changes nothing', async (_, options) => {
    write(lines(5), options)
    expect((await run()).count).toBe(5)
    expect((await found())?.department).toBe('75')
  })

  test.each(['\n', '\r\n'])('a separator at the end of every line changes nothing, lines ended by %j', async end => {
    write(
      lines(5).map(line => `${line}|`),
      { header: `${EXTRACT_HEADER}|`, end },
    )
    expect((await run()).count).toBe(5)
  })

  test('addresses are stored in lower case', async () => {
    write([lineWith({ 2: 'Claire.EXEMPLE@Alpha.MSSante.example' })])
    await run()
    expect((await found())?.address).toBe(publishedAuthor.address)
  })

  test('a number with a wrong key identifies nobody, and the box stays reachable', async () => {
    write([lineWith({ 4: '01234567890', 5: '801234567890', 7: '750803448' })])
    await run()
    const listing = await found()
    expect(listing?.address).toBe(publishedAuthor.address)
    expect([listing?.rpps, listing?.idNatPs, listing?.idNatStruct]).toEqual([undefined, undefined, undefined])
  })

  test('lines cut by the blocks of the disk are read whole', async () => {
    await generateExtract(text, 5000, { domain: 'many.mssante.example' })
    expect(await run()).toMatchObject({ lines: 5000, count: 5000, refused: {} })
    expect((await found('bal5000@many.mssante.example'))?.name).toBe('DR CAMILLE FICTIF5000')
  })
})

describe('an address on several lines', () => {
  test('is one box, its blanks filled by the later lines', async () => {
    write([lineWith({ 15: '', 30: '' }), lineWith({})])
    expect(await run()).toMatchObject({ lines: 2, count: 1, duplicates: 1 })
    expect(await found()).toMatchObject({ rpps: '01234567897', profession: 'Médecin', department: '75' })
  })

  test('loses the identity on which the lines disagree, also when a third line repeats the first', async () => {
    write([lineWith({}), lineWith({ 5: '800000000000', 6: '', 7: '' }), lineWith({ 4: '00000000000', 5: '800000000000' }), lineWith({})])
    expect(await run()).toMatchObject({ count: 1, duplicates: 3 })
    const listing = await found()
    expect([listing?.rpps, listing?.idNatPs, listing?.idNatStruct]).toEqual([undefined, undefined, '1750803447'])
    expect(listing?.name).toBe('DR CLAIRE EXEMPLE')
  })
})

describe('lines that cannot be used', () => {
  test.each([
    ['columns', 'PER|a@b.example'],
    ['columns', `${extractLine(publishedAuthor)}|more|`],
    ['type', lineWith({ 1: 'XXX' })],
    ['address', lineWith({ 2: '' })],
    ['address', lineWith({ 2: 'a b@alpha.mssante.example' })],
    ['address', lineWith({ 2: 'a@localhost' })],
    ['address', lineWith({ 2: 'd\u00e9@alpha.mssante.example' })],
    ['address', lineWith({ 2: '"a"@alpha.mssante.example' })],
    ['address', lineWith({ 2: '"a@alpha.mssante.example"' })],
    ['length', lineWith({ 19: 'x'.repeat(1_000_000) })],
    ['length', 'x'.repeat(1_000_000)],
  ])('are counted by reason (%s) and by number, their text is not kept', async (reason, line) => {
    write([...lines(3), line])
    const report = await run()
    expect(report).toMatchObject({ lines: 4, count: 3, refused: { [reason]: 1 }, refusedLines: [{ line: 5, reason }] })
  })

  test('a line of 1 MB anywhere leaves its neighbours whole, whatever ends the lines', async () => {
    const long = lineWith({ 19: 'x'.repeat(1_000_000) })
    write([long, ...lines(3), long, long, ...lines(5), long], { end: '\r\n' })
    expect(await run()).toMatchObject({ lines: 12, count: 5, duplicates: 3, refused: { length: 4 } })
    expect((await found())?.department).toBe('75')
  })

  test('quotes are letters, they hold no line together', async () => {
    write([lineWith({ 10: '"EXEMPLE', 19: 'Cabinet "du Port"' }), ...lines(2)])
    expect(await run()).toMatchObject({ lines: 3, refused: {} })
    expect(await found()).toMatchObject({ name: 'DR CLAIRE "EXEMPLE', structure: 'Cabinet "du Port"' })
  })

  test('bytes that are not UTF-8 are one of the reasons', async () => {
    writeFileSync(text, Buffer.concat([Buffer.from(`${EXTRACT_HEADER}\n${lines(2).join('\n')}\n`), Buffer.from(lineWith({}), 'latin1')]))
    expect((await run()).refused).toEqual({ encoding: 1 })
  })
})

describe('an extract that must not be used leaves the snapshot in place', () => {
  beforeEach(async () => {
    write(lines(100))
    await run()
  })

  const inPlace = () => [readdirSync(folder).filter(name => name.startsWith('directory')), openDirectory(target).count]

  test.each([
    ['another header', () => write(lines(100), { header: EXTRACT_HEADER.replace('Adresse BAL', 'Adresse') }), 'header'],
    ['columns in another order', () => write(lines(100), { header: EXTRACT_HEADER.split('|').reverse().join('|') }), 'header'],
    ['no header', () => writeFileSync(text, lines(100).join('\n')), 'header'],
    ['an empty file', () => writeFileSync(text, ''), 'empty'],
    ['a header alone', () => write([]), 'empty'],
    ['eleven broken lines', () => write([...lines(100), ...Array(11).fill('broken')]), 'broken-lines'],
    ['fewer than half of the boxes', () => write(lines(49)), 'shrunk'],
    ['one line without end', () => writeFileSync(text, 'x'.repeat(4_000_000)), 'header'],
    ['Latin-1', () => writeFileSync(text, Buffer.from([EXTRACT_HEADER, ...lines(100)].join('\n'), 'latin1')), 'encoding'],
    ['UTF-16', () => writeFileSync(text, Buffer.from(`\uFEFF${EXTRACT_HEADER}\n`, 'utf16le')), 'encoding'],
    [
      'Latin-1 under a header without accents',
      () => writeFileSync(text, Buffer.from([EXTRACT_HEADER.normalize('NFD').replace(/\p{M}/gu, ''), ...lines(100)].join('\n'), 'latin1')),
      'encoding',
    ],
    ['a broken archive', () => writeFileSync(text, Buffer.from('PK\u0003\u0004 and nothing')), 'unreadable'],
  ])('%s', async (_, prepare, reason) => {
    prepare()
    expect(await refusal()).toBe(reason)
    expect(inPlace()).toEqual([['directory.db'], 100])
  })

  test('a file that is not there', async () => {
    expect(await refusal(join(folder, 'none.txt'))).toBe('unreadable')
  })

  test('an archive cut short', async () => {
    const zip = join(folder, 'cut.zip')
    await writeExtract(zip, people)
    const whole = readFileSync(zip)
    writeFileSync(zip, whole.subarray(0, whole.length / 2))
    expect(await refusal(zip)).toBe('unreadable')
    expect(inPlace()).toEqual([['directory.db'], 100])
  })

  test('an archive whose bytes were changed', async () => {
    const zip = join(folder, 'changed.zip')
    await writeExtract(zip, people)
    const bytes = readFileSync(zip)
    bytes.fill(0, 1000, 1100)
    writeFileSync(zip, bytes)
    expect(await refusal(zip)).toBe('unreadable')
  })

  test('half of the boxes is still an extract: the report counts what came and went', async () => {
    write([...lines(50), extractLine({ ...publishedAuthor, address: 'new@alpha.mssante.example' })])
    expect(await run()).toMatchObject({ count: 51, added: 1, removed: 50 })
  })

  test('a file that is no snapshot is not replaced blindly', async () => {
    writeFileSync(target, 'something else')
    expect(await refusal()).toBe('unreadable')
    new Database(join(folder, 'other.db')).exec('CREATE TABLE t (a)').close()
    await expect(importExtract(text, join(folder, 'other.db'), { now: NOW })).rejects.toMatchObject({ reason: 'unreadable' })
  })
})
