import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../config/paths.ts'
import { prepareGround } from './ground.ts'
import { type Figures, measure } from './measure.ts'
import { postfix } from './postfix.ts'
import { type Run, table } from './report.ts'

export interface RelayOptions {
  seconds: number
  rounds: number
  /** KB of a message, thousands of bytes. */
  sizes: number[]
  only?: 'ours' | 'postfix'
  json?: string
  /** Parent of the temporary folder: choose a real disk. */
  dir?: string
  prof?: string
}

const WARM_UP_SECONDS = 4

/** Ours and Postfix in turn (A B A B), under the same load, into the same sink. Prints medians. */
export async function benchRelay(options: RelayOptions): Promise<void> {
  execFileSync(process.execPath, [join(packageRoot, 'test/support/install.mjs'), 'bench'], { stdio: 'inherit' })
  const folder = mkdtempSync(join(options.dir ?? tmpdir(), 'pli-bench-'))
  chmodSync(folder, 0o755)
  try {
    const ground = await prepareGround(folder)
    const contenders = [postfix(ground)].filter(contender => !options.only || contender.name === options.only)
    const runs: Run[] = []
    for (let round = 1; round <= options.rounds; round++)
      for (const size of options.sizes)
        for (const contender of contenders) {
          const bytes = size * 1000
          const figures = await measure(contender, ground, { bytes, seconds: options.seconds, warmUpSeconds: WARM_UP_SECONDS })
          runs.push({ server: contender.name, bytes, round, figures })
          console.log(progress(runs.at(-1)!))
        }
    console.log(
      `\nmedians of ${options.rounds} rounds of ${options.seconds} s, ${cpus().length} cores, Node ${process.version}\n${table(runs)}`,
    )
    if (options.json)
      writeFileSync(options.json, `${JSON.stringify({ options, node: process.version, cores: cpus().length, runs }, null, 2)}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function progress({ server, bytes, round, figures }: Run): string {
  const { accepted, delivered, deliveredUnderLoad, missing, trouble }: Figures = figures
  const rates = `accepted ${accepted.toFixed(0)}/s, delivered ${delivered.toFixed(0)}/s (under load ${deliveredUnderLoad.toFixed(0)}/s)`
  const faults = `${missing > 0 ? `, ${missing} missing` : ''}${trouble ? `, ${trouble}` : ''}`
  return `round ${round}, ${bytes / 1000} KB, ${server}: ${rates}${faults}`
}
