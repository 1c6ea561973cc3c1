import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../config/paths.ts'

/** Threads and child processes run compiled code, so the tests compile once before they start. */
export default function setup(): void {
  execFileSync(process.execPath, [join(packageRoot, 'node_modules/typescript/bin/tsc'), '-p', packageRoot, '--noCheck'], {
    stdio: 'inherit',
  })
}
