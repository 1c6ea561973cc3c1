import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../config/paths.ts'

/** A statement of the gateway, as Kysely writes it, and on which side of it the gateway dies. */
export interface Stop {
  when: 'before' | 'after'
  /** Regular expression over the statements of one transaction, in JSON. */
  statement: string
}

/**
 * Environment of a gateway that can be stopped at an exact state, with SIGKILL.
 * @param folder where the order is left for it
 * @param options.hurry divides the time between two rounds of upkeep
 */
export function stoppable(
  folder: string,
  options: { hurry?: number } = {},
): { env: Record<string, string>; stopAt(stop: Stop): Promise<void> } {
  const file = join(folder, 'stop-here.json')
  return {
    env: {
      NODE_OPTIONS: `--import ${pathToFileURL(join(packageRoot, 'test/support/stop-at.mjs'))}`,
      PLI_TEST_STOP: file,
      PLI_TEST_HURRY: String(options.hurry ?? 1),
    },
    stopAt: stop => writeFile(file, JSON.stringify(stop)),
  }
}
