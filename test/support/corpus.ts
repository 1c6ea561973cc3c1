import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { packageRoot } from '../../config/paths.ts'

const folder = resolve(packageRoot, process.env.PLI_CORPUS ?? '../shared/corpus')

/** Whether the public test data is on this machine (variable PLI_CORPUS, default ../shared/corpus). */
export const hasCorpus = existsSync(join(folder, 'README.md'))

if (!hasCorpus) console.warn(`PLI_CORPUS: no test data in ${folder}; the tests that need it are skipped`)

/** @returns the path of a file or folder of the test data */
export function corpus(...path: string[]): string {
  return join(folder, ...path)
}
