import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../config/paths.ts'
import type { Contender } from './contender.ts'
import { type Ground, prepareGround } from './ground.ts'
import { type Figures, measure } from './measure.ts'
import { ours } from './ours.ts'
import { postfix } from './postfix.ts'
import { summarise } from './profile.ts'
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
  const wanted = options.only ? [options.only] : (['ours', 'postfix'] as const)
  if (wanted.includes('postfix'))
    execFileSync(process.execPath, [join(packageRoot, 'test/support/install.mjs'), 'bench'], { stdio: 'inherit' })
  const folder = mkdtempSync(join(options.dir ?? tmpdir(), 'pli-bench-'))
  chmodSync(folder, 0o755)
  try {
    const ground = await prepareGround(folder)
    const runs = await takeTurns(
      wanted.map(name => (name === 'ours' ? ours(ground, options.prof) : postfix(ground))),
      ground,
      options,
    )
    console.log(
      `\nmedians of ${options.rounds} rounds of ${options.seconds} s, ${cpus().length} cores, Node ${process.version}\n${table(runs)}`,
    )
    if (options.json)
      writeFileSync(options.json, `${JSON.stringify({ options, node: process.version, cores: cpus().length, runs }, null, 2)}\n`)
    if (options.prof) console.log(`\n${summarise(options.prof)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function takeTurns(contenders: Contender[], ground: Ground, options: RelayOptions): Promise<Run[]> {
  const runs: Run[] = []
  const interruption = interrupted()
  interruption.catch(() => undefined)
  for (let round = 1; round <= options.rounds; round++) {
    for (const size of options.sizes) {
      for (const contender of contenders) {
        const bytes = size * 1000
        const figures = await measure(contender, ground, { bytes, seconds: options.seconds, warmUpSeconds: WARM_UP_SECONDS }, interruption)
        const run = { server: contender.name, bytes, round, figures }
        runs.push(run)
        console.log(progress(run))
      }
    }
  }
  return runs
}

/** The servers run in sessions of their own, where Ctrl-C does not reach them: they are stopped before we end. */
async function interrupted(): Promise<never> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  throw new Error('interrupted')
}

function progress({ server, bytes, round, figures }: Run): string {
  const { accepted, delivered, deliveredUnderLoad, missing, trouble }: Figures = figures
  const rates = `accepted ${accepted.toFixed(0)}/s, delivered ${delivered.toFixed(0)}/s (under load ${deliveredUnderLoad.toFixed(0)}/s)`
  const faults = `${missing > 0 ? `, ${missing} missing` : ''}${trouble ? `, ${trouble}` : ''}`
  return `round ${round}, ${bytes / 1000} KB, ${server}: ${rates}${faults}`
}
