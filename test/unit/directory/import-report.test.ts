import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ImportOptions, importExtract, openDirectory } from '../../../directory/index.ts'
import { EXTRACT_HEADER, extractLine, writeExtract } from '../../world/extract.ts'
import { buildPeople, publishedAuthor } from '../../world/people.ts'

const NOW = new Date('2026-03-02T05:00:00Z')
const people = buildPeople({ count: 40 })

let folder: string
let target: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-report-'))
  target = join(folder, 'directory.db')
})

afterEach(() => rmSync(folder, { recursive: true }))

async function run(boxes: typeof people, options: Partial<ImportOptions> = {}, name = 'extract.txt') {
  await writeExtract(join(folder, name), boxes)
  return importExtract(join(folder, name), target, { now: NOW, ...options })
}

describe('what changed against the snapshot before', () => {
  const [first, second, ...rest] = people as [(typeof people)[0], (typeof people)[0], ...typeof people]
  const changed = [
    { ...first, person: { ...first.person!, lastName: 'Ébauche' } },
    { ...second, place: { ...second.place, town: 'AILLEURS-LE-FICTIF', department: '99' } },
    ...rest.slice(1),
    { ...publishedAuthor, address: 'new@alpha.mssante.example' },
  ]

  test('is counted, each column apart', async () => {
    await run(people)
    expect(await run(changed)).toMatchObject({
      added: 1,
      removed: 1,
      changed: 2,
      changedFields: { name: 1, place: 1, department: 1 },
    })
    expect(await run(changed)).toMatchObject({ added: 0, removed: 0, changed: 0, changedFields: {} })
  })

  test('is listed in the file that was asked for, readable by its owner only, and nowhere else', async () => {
    const list = join(folder, 'changes.tsv')
    await run(people)
    const report = await run(changed, { changes: list })
    const lines = readFileSync(list, 'utf8').split('\n')
    expect(lines[0]).toBe('change\taddress\tfields')
    expect(lines.slice(1).sort()).toEqual(
      [
        '',
        'added\tnew@alpha.mssante.example\t',
        `removed\t${rest[0]?.address}\t`,
        `changed\t${first.address}\tname`,
        `changed\t${second.address}\tplace,department`,
      ].sort(),
    )
    expect(statSync(list).mode & 0o777).toBe(0o600)
    expect(JSON.stringify(report)).not.toContain('@')
  })

  test('the file of an earlier import is replaced, with the rights of the new one', async () => {
    const list = join(folder, 'changes.tsv')
    writeFileSync(list, 'old', { mode: 0o644 })
    await run(people.slice(0, 1), { changes: list })
    expect(readFileSync(list, 'utf8')).toBe(`change\taddress\tfields\nadded\t${people[0]?.address}\t\n`)
    expect(statSync(list).mode & 0o777).toBe(0o600)
  })

  test('a refused import writes no list, and leaves nothing behind', async () => {
    await run(people)
    const list = join(folder, 'changes.tsv')
    await expect(run(people.slice(0, 10), { changes: list })).rejects.toMatchObject({ reason: 'shrunk' })
    expect(existsSync(list)).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(['directory.db', 'extract.txt'])
  })
})

test('a snapshot of the layout before asks for a new import, which compares with it as far as it goes', async () => {
  await run(people)
  const old = new Database(target)
  old.exec('ALTER TABLE box DROP COLUMN last_name; ALTER TABLE box DROP COLUMN first_name; ALTER TABLE box DROP COLUMN service')
  old.pragma('user_version = 1')
  old.close()
  expect(() => openDirectory(target)).toThrow(/another layout; import the extract again/)
  expect(await run(people.slice(1))).toMatchObject({ removed: 1, changed: 0 })
  openDirectory(target).close()
})

test('what a killed import left is swept after a day, by the next one', async () => {
  const leave = (name: string, age: number) => {
    writeFileSync(join(folder, name), 'left')
    utimesSync(join(folder, name), new Date(), new Date(Date.now() - age))
  }
  leave('directory.db.0a1b.new', 25 * 3_600_000)
  leave('directory.db.2c3d.new', 3_600_000)
  leave('other.db.4e5f.new', 25 * 3_600_000)
  await run(people)
  expect(readdirSync(folder).sort()).toEqual(['directory.db', 'directory.db.2c3d.new', 'extract.txt', 'other.db.4e5f.new'])
})

describe('the time of generation', () => {
  const generated = async (name: string) => {
    const report = await run(people, {}, name)
    const directory = openDirectory(target)
    const { generatedAt, version } = directory
    directory.close()
    expect(report.generatedAt).toEqual(generatedAt)
    return [generatedAt?.toISOString(), version]
  }

  test.each(['Extraction_Correspondance_MSSante_202603011930.txt', 'Extraction_Correspondance_MSSante_202603011930.zip'])(
    'is read from the name %s',
    async name => expect(await generated(name)).toEqual(['2026-03-01T19:30:00.000Z', '2026-03-01T19:30Z']),
  )

  test('is read from the name inside an archive of another name', async () => {
    const { ZipFile } = await import('yazl')
    const zip = new ZipFile()
    zip.addBuffer(
      Buffer.from([EXTRACT_HEADER, ...people.map(extractLine)].join('\n')),
      'Extraction_Correspondance_MSSante_202603011930.txt',
    )
    zip.end()
    const parts: Buffer[] = []
    for await (const part of zip.outputStream) parts.push(part as Buffer)
    writeFileSync(join(folder, 'download'), Buffer.concat(parts))
    const report = await importExtract(join(folder, 'download'), target, { now: NOW })
    expect(report.generatedAt).toEqual(new Date('2026-03-01T19:30:00Z'))
  })

  test.each(['extract.txt', 'extract_202613450000.txt', 'extract_209901010000.txt', 'extract_20260301.txt'])(
    'is not known from the name %s, and the version is that of the import',
    async name => expect(await generated(name)).toEqual([undefined, '2026-03-02T05:00Z']),
  )
})
