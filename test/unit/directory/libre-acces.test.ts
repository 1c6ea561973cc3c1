import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ImportFault, importExtract, openDirectory } from '../../../directory/index.ts'
import { EXTRACT_HEADER, extractLine } from '../../world/extract.ts'
import { ACTIVITY_HEADER, type Activity, activityLine, writeLibreAcces } from '../../world/libre-acces.ts'
import { publishedAuthor } from '../../world/people.ts'
import { HOSPITALS, PRACTICES } from '../../world/places.ts'

const NOW = new Date('2026-03-02T05:00:00Z')
const RPPS = publishedAuthor.person?.rpps ?? ''
const [PROFESSION, SKILL, PLACE, DEPARTMENT, FINESS] = [15, 17, 28, 30, 7]

let folder: string
let extract: string
let people: string
let target: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-people-'))
  extract = join(folder, 'extract.txt')
  people = join(folder, 'PS_LibreAcces_202603020815.zip')
  target = join(folder, 'directory.db')
})

afterEach(() => rmSync(folder, { recursive: true }))

const NOWHERE: Activity = { rpps: RPPS, profession: ['10', 'Médecin'], skill: ['S', 'SM54', 'Médecine générale'] }
const atPractice = {
  ...NOWHERE,
  finess: PRACTICES[0]!.finess,
  postcode: PRACTICES[0]!.postcode,
  town: PRACTICES[0]!.town,
  department: PRACTICES[0]!.department,
}
const atHospital = {
  ...NOWHERE,
  finess: HOSPITALS[0]!.finess,
  postcode: HOSPITALS[0]!.postcode,
  town: HOSPITALS[0]!.town,
  department: HOSPITALS[0]!.department,
}

/** Writes the extract with one box, some of its columns replaced. */
function box(columns: Record<number, string>): void {
  const cells = extractLine(publishedAuthor).split('|')
  for (const [column, value] of Object.entries(columns)) cells[Number(column) - 1] = value
  writeFileSync(extract, `${EXTRACT_HEADER}\n${cells.join('|')}\n`)
}

const blank = { [PROFESSION]: '', [PROFESSION - 1]: '', [SKILL]: '', [SKILL - 1]: '', [PLACE]: '', [PLACE + 1]: '', [DEPARTMENT]: '' }

async function joined(activities: readonly Activity[]) {
  await writeLibreAcces(people, activities)
  const report = await importExtract(extract, target, { now: NOW, people })
  const directory = openDirectory(target)
  const listing = directory.find(publishedAuthor.address)
  const found = directory.search(`${listing?.place ?? 'nowhere'} exemple`).length
  directory.close()
  return { report, listing, found }
}

describe('a box that the extract leaves blank', () => {
  test('gets profession, speciality and place of its holder, and is found by them', async () => {
    box({ ...blank, [FINESS]: '' })
    const { report, listing, found } = await joined([atPractice])
    expect(report.people).toEqual({ lines: 1, refused: {}, refusedLines: [], completed: 1 })
    expect(listing).toMatchObject({
      profession: 'Médecin',
      speciality: 'Médecine générale',
      place: "69999 VAL-D'ESSAI",
      department: '69',
    })
    expect(found).toBe(1)
  })

  test('of several practices, the one of its structure counts', async () => {
    box({ ...blank, [FINESS]: HOSPITALS[0]!.finess })
    expect((await joined([atPractice, atHospital])).listing?.department).toBe('80')
  })

  test('without its structure, the one in its department', async () => {
    box({ ...blank, [FINESS]: '', [DEPARTMENT]: '80' })
    expect((await joined([atPractice, atHospital])).listing?.place).toBe('80999 BEAUVAL-LE-FICTIF')
  })

  test('without either, the first', async () => {
    box({ ...blank, [FINESS]: '' })
    expect((await joined([atHospital, atPractice])).listing?.department).toBe('80')
  })

  test('a place in blank of the right structure does not stand in the way of its speciality', async () => {
    box({ ...blank, [PLACE]: '80999 BEAUVAL-LE-FICTIF', [FINESS]: '' })
    const cardiologist = { ...atHospital, skill: ['S', 'SM04', 'Cardiologie'] as [string, string, string] }
    expect((await joined([atPractice, cardiologist])).listing).toMatchObject({
      speciality: 'Cardiologie',
      place: '80999 BEAUVAL-LE-FICTIF',
    })
  })
})

describe('what the extract says', () => {
  test('wins', async () => {
    box({})
    const { report, listing } = await joined([{ ...atHospital, profession: ['21', 'Pharmacien'], skill: ['S', 'SM04', 'Cardiologie'] }])
    expect(report.people?.completed).toBe(0)
    expect(listing).toMatchObject({ profession: 'Médecin', speciality: 'Médecine générale', department: '75' })
  })

  test('gets no speciality of another profession, nor what is no speciality', async () => {
    box({ [SKILL]: '', [SKILL - 1]: '' })
    expect((await joined([{ ...atPractice, profession: ['21', 'Pharmacien'] }])).listing?.speciality).toBeUndefined()
    expect((await joined([{ ...atPractice, skill: ['C', 'C01', 'Capacité'] }])).listing?.speciality).toBeUndefined()
  })
})

test('others of the file touch nobody, and its text alone will do as well', async () => {
  box(blank)
  expect((await joined([{ ...atPractice, rpps: '80000000010' }])).report.people).toMatchObject({ lines: 1, completed: 0 })
  const text = join(folder, 'activities.txt')
  writeFileSync(text, [ACTIVITY_HEADER, activityLine(atPractice)].join('\r\n'))
  expect((await importExtract(extract, target, { now: NOW, people: text })).people?.completed).toBe(1)
})

describe('a file that must not be joined leaves the snapshot in place', () => {
  const activities = Array.from({ length: 100 }, () => activityLine(atPractice))
  test.each([
    ['another header', ['Nom|Prénom', ...activities], 'header'],
    ['55 columns', [ACTIVITY_HEADER.slice(0, ACTIVITY_HEADER.lastIndexOf('|Libellé genre')), ...activities], 'header'],
    ['columns in another order', [ACTIVITY_HEADER.replace('Code postal', 'Libellé commune'), ...activities], 'header'],
    ['broken lines', [ACTIVITY_HEADER, ...activities, ...Array(11).fill('broken')], 'broken-lines'],
    ['no line', [ACTIVITY_HEADER], 'empty'],
  ])('%s', async (_, lines, reason) => {
    box({})
    await importExtract(extract, target, { now: new Date(0) })
    const text = join(folder, 'people.txt')
    writeFileSync(text, lines.join('\n'))
    const fault = await importExtract(extract, target, { now: NOW, people: text }).catch(error => error)
    expect(fault).toBeInstanceOf(ImportFault)
    expect([fault.reason, fault.message]).toEqual([reason, expect.stringContaining('people.txt')])
    expect(openDirectory(target).importedAt).toEqual(new Date(0))
    expect(readdirSync(folder).filter(name => name.startsWith('directory'))).toEqual(['directory.db'])
  })

  test('Latin-1', async () => {
    box({})
    const text = join(folder, 'people.txt')
    writeFileSync(text, Buffer.from([ACTIVITY_HEADER, ...activities].join('\n'), 'latin1'))
    await expect(importExtract(extract, target, { now: NOW, people: text })).rejects.toMatchObject({ reason: 'encoding' })
  })

  test('an archive without the activities', async () => {
    box({})
    const { ZipFile } = await import('yazl')
    const zip = new ZipFile()
    zip.addBuffer(Buffer.from('x'), 'PS_LibreAcces_SavoirFaire_202603020815.txt')
    zip.end()
    const parts: Buffer[] = []
    for await (const part of zip.outputStream) parts.push(part as Buffer)
    writeFileSync(people, Buffer.concat(parts))
    await expect(importExtract(extract, target, { now: NOW, people })).rejects.toMatchObject({ reason: 'unreadable' })
  })
})
