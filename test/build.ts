import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../config/paths.ts'

/**
 * Before all tests: compiles once, unless `npm test` has just done so, since threads and child processes run compiled code, and gives the tests a temporary
 * folder of their own.
 * @returns what removes that folder
 */
export default function setup(): () => void {
  const tsc = [join(packageRoot, 'node_modules/typescript/bin/tsc'), '-p', packageRoot, '--noCheck']
  if (process.env.PLI_TEST_BUILT !== 'true') execFileSync(process.execPath, tsc, { stdio: 'inherit' })
  const folder = mkdtempSync(join(tmpdir(), 'pli-tests-'))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
