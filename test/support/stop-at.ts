import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../config/paths.ts'

/** Where the gateway dies. */
export type Stop =
  /** `statement`: regular expression over the statements of one transaction, as Kysely writes them, in JSON. */
  | { when: 'before' | 'after'; statement: string }
  /** Messages are on the disk, the transaction with their rows is not committed. */
  | { when: 'synced' }

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
