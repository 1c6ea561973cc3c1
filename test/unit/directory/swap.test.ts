import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDirectory } from '../../../directory/index.ts'
import { knownBoxes, writeLargeExtract } from '../../bench/directory-extract.ts'
import { askUntil, importAside } from '../../bench/directory-load.ts'
import { until } from '../../support/until.ts'

const LINES = 20_000

test('new snapshots take the place of the old one under load, and not one question fails', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pli-swap-'))
  const target = join(folder, 'directory.sqlite')
  const editions = [0, 1, 2].map(edition => join(folder, `extract_20261120041${edition}.txt`))
  for (const [edition, file] of editions.entries()) await writeLargeExtract(file, { lines: LINES, edition })
  const { report } = await importAside(editions[0]!, target)
  expect(report.count).toBeGreaterThan(LINES * 0.99)

  const directory = openDirectory(target)
  const swaps = async () => {
    for (const edition of [1, 2]) {
      const { report } = await importAside(editions[edition]!, target)
      expect(report).toMatchObject({ added: expect.any(Number), lines: LINES })
      await until('the new snapshot answers', () => directory.version.endsWith(`1${edition}Z`))
    }
  }
  const swapped = swaps()
  const load = await askUntil(swapped, directory, knownBoxes(LINES))
  await swapped
  expect(load).toMatchObject({ failed: 0, versions: ['2026-11-20T04:10Z', '2026-11-20T04:11Z', '2026-11-20T04:12Z'] })
  expect(load.finds).toBeGreaterThan(1000)
  expect(load.searches).toBeGreaterThan(100)
  expect(readdirSync(folder).filter(name => name.startsWith('directory'))).toEqual(['directory.sqlite'])
  directory.close()
  rmSync(folder, { recursive: true })
})
