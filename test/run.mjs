// What `npm test` runs: tools, format and lint, types, then every test. Plain Node, so that it works right after `npm ci`.
// Arguments go to vitest: npm test -- test/unit/crypto
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeMissing, provideTools } from './support/install.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const faults = []

checkTools()
step('biome check', 'node_modules/@biomejs/biome/bin/biome', ['check', '.'])
if (step('tsc', 'node_modules/typescript/bin/tsc', ['-p', '.'])) process.env.PLI_TEST_BUILT = 'true' // test/build.ts has nothing to do
const counts = runTests()

for (const fault of faults) console.log(`failed: ${fault}`)
// A run that fails never ends with "0 failed": each fault outside the tests counts as one.
const failed = counts.failed + faults.length
process.exitCode = failed > 0 ? 1 : 0
console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`)

function checkTools() {
  const missing = provideTools('test')
  if (missing.length === 0) return
  console.log(describeMissing(missing))
  if (process.env.CI === 'true') faults.push('a tool is missing')
}

function step(name, script, args) {
  console.log(`\n${name}`)
  const isRight = runNode(script, args)
  if (!isRight) faults.push(name)
  return isRight
}

function runTests() {
  console.log('\nvitest')
  const folder = mkdtempSync(join(tmpdir(), 'pli-test-'))
  const file = join(folder, 'report.json')
  try {
    const options = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const green = runNode('node_modules/vitest/vitest.mjs', [...options, ...process.argv.slice(2)])
    const counted = readReport(file)
    if (counted.passed === 0) faults.push('no test passed')
    // Unhandled errors and failed set-ups leave every test green or absent, and only vitest's own status tells.
    if (!green && counted.failed === 0) faults.push('vitest')
    return counted
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads vitest's own JSON report. A test file that could not be loaded holds no test: it counts as one failure. */
function readReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const broken = report.testResults.filter(result => result.status === 'failed' && result.assertionResults.length === 0)
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken.length,
      skipped: report.numPendingTests + report.numTodoTests,
    }
  } catch (error) {
    faults.push(`vitest left no report (${error.message})`)
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

function runNode(script, args) {
  return spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' }).status === 0
}
