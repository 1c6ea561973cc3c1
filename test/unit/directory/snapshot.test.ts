import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { importExtract, openDirectory } from '../../../directory/index.ts'
import { writeExtract } from '../../world/extract.ts'
import { buildPeople, publishedAuthor } from '../../world/people.ts'

const people = buildPeople({ count: 20 })
let folder: string
let file: string
let now: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pli-snapshot-'))
  file = join(folder, 'directory.db')
  now = Date.parse('2026-03-02T05:00:00Z')
  await put(people)
})

afterEach(() => rmSync(folder, { recursive: true }))

async function put(boxes: typeof people): Promise<void> {
  await writeExtract(join(folder, 'extract.txt'), boxes)
  await importExtract(join(folder, 'extract.txt'), file, { now: new Date(now) })
}

const open = (onFault?: (error: Error) => void) => openDirectory(file, { now: () => now, ...(onFault && { onFault }) })

test('an address that is not in the directory is not found, nor one in other letters', () => {
  const directory = open()
  expect(directory.find('nobody@alpha.mssante.example')).toBeUndefined()
  expect(directory.find(publishedAuthor.address.toUpperCase())).toBeUndefined()
  expect(directory.find('%')).toBeUndefined()
  expect(directory.find('')).toBeUndefined()
})

test('a new snapshot answers within a second of its arrival', async () => {
  const directory = open()
  await put(people.filter(({ address }) => address !== publishedAuthor.address))
  expect(directory.find(publishedAuthor.address)).toBeDefined()
  now += 1000
  expect(directory.find(publishedAuthor.address)).toBeUndefined()
  expect(directory.count).toBe(people.length - 1)
})

test('a clock that was set back does not hide a new snapshot', async () => {
  const directory = open()
  await put(people.filter(({ address }) => address !== publishedAuthor.address))
  now -= 365 * 86_400_000
  expect(directory.find(publishedAuthor.address)).toBeUndefined()
})

test('the snapshot in use stays in use when a wrong file takes its place, and the fault is told once', async () => {
  const faults: Error[] = []
  const directory = open(error => faults.push(error))
  writeFileSync(join(folder, 'wrong'), 'not a database')
  renameSync(join(folder, 'wrong'), file)
  for (let second = 0; second < 3; second++) {
    now += 1000
    expect(directory.find(publishedAuthor.address)).toBeDefined()
  }
  expect(faults.length).toBe(1)
  rmSync(file)
  now += 1000
  expect(directory.find(publishedAuthor.address)).toBeDefined()
  await put(people.slice(1))
  now += 1000
  expect(directory.find(publishedAuthor.address)).toBeUndefined()
})

test('there is no directory without a snapshot of ours', () => {
  expect(() => openDirectory(join(folder, 'none.db'))).toThrow(/cannot be opened/)
  writeFileSync(join(folder, 'text.db'), 'x'.repeat(5000))
  expect(() => openDirectory(join(folder, 'text.db'))).toThrow(/cannot be opened/)
  new Database(join(folder, 'other.db')).exec('CREATE TABLE box (address TEXT)').close()
  expect(() => openDirectory(join(folder, 'other.db'))).toThrow(/another layout/)
})

test('the snapshot cannot be written through the directory, and two processes may read it', () => {
  const [one, two] = [open(), open()]
  expect(one.find(publishedAuthor.address)).toEqual(two.find(publishedAuthor.address))
  one.close()
  expect(two.find(publishedAuthor.address)).toBeDefined()
  two.close()
})
