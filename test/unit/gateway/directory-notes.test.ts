import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Configuration, silent } from '../../../config/index.ts'
import type { AuditEntry } from '../../../crypto/index.ts'
import { importExtract } from '../../../directory/index.ts'
import { openNationalDirectory } from '../../../gateway/annuaire.ts'
import { writeExtract } from '../../world/extract.ts'
import { buildPeople } from '../../world/people.ts'

const people = buildPeople({ count: 4 })
let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pli-directory-notes-'))
  file = join(folder, 'directory.sqlite')
})

afterEach(() => rmSync(folder, { recursive: true }))

async function put(edition: string, boxes: typeof people): Promise<void> {
  const extract = join(folder, `Extraction_Correspondance_MSSante_${edition}.txt`)
  await writeExtract(extract, boxes)
  await importExtract(extract, file, { now: new Date('2026-11-22T08:00:00Z') })
}

test('a snapshot that takes the place of the last one is noted, and one that is refused', async () => {
  await put('202611200412', people.slice(0, 3))
  let now = 0
  const noted: AuditEntry[] = []
  const configuration = { directory: { file } } as unknown as Configuration
  const { directory, close } = openNationalDirectory(configuration, {
    authorities: () => undefined,
    now: () => now,
    log: silent,
    notes: { note: entry => void noted.push(entry) },
  })
  const look = () => {
    now += 1_000
    return directory.count
  }
  expect([look(), noted]).toEqual([3, []])
  await put('202611210412', people)
  expect(look()).toBe(people.length)
  writeFileSync(`${file}.new`, 'no snapshot')
  renameSync(`${file}.new`, file)
  expect([look(), look()]).toEqual([people.length, people.length])
  const use = { by: 'gateway', action: 'directory.use', object: 'directory' }
  expect(noted).toEqual([
    { ...use, detail: { version: '2026-11-21T04:12Z', boxes: String(people.length) } },
    { ...use, result: 'refused', detail: { reason: 'unreadable' } },
  ])
  await close()
})
