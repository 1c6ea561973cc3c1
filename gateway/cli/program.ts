import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { packageRoot } from '../../config/index.ts'
import { sentenceOf } from './output.ts'
import type { Reloads } from './reloads.ts'

type AddCommands = (program: Command, reloads?: Reloads) => void

/** The files of the commands. Only that of the one asked for is loaded: all of them together take a second. */
const COMMANDS = new Map<string, () => Promise<AddCommands>>(
  Object.entries({
    serve: async () => (await import('./serve.ts')).serveCommand,
    check: async () => (await import('./check.ts')).checkCommand,
    local: async () => (await import('./local.ts')).localCommand,
    queue: async () => (await import('./queue.ts')).queueCommand,
    trace: async () => (await import('./trace.ts')).traceCommand,
    explain: async () => (await import('./explain.ts')).explainCommand,
    dmp: async () => (await import('./dmp.ts')).dmpCommands,
    directory: async () => (await import('./directory.ts')).directoryCommands,
    whitelist: async () => (await import('./white-list.ts')).whiteListCommands,
    audit: async () => (await import('./audit.ts')).auditCommands,
    admin: async () => (await import('./admin.ts')).adminCommands,
    console: async () => (await import('./console.ts')).consoleCommands,
    certificates: async () => (await import('./certificates.ts')).certificatesCommand,
    keys: async () => (await import('./keys.ts')).keysCommands,
  }),
)

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }

/**
 * What `pli` does with its arguments.
 * @param reloads for `serve`
 * @returns the exit status: 0 done (a command may have set another one), 1 refused or failed (one sentence on standard error), 2 bad usage
 */
export async function runPli(args: readonly string[], reloads?: Reloads): Promise<number> {
  const program = new Command('pli')
    .description('Secure health messaging for France: an MSSanté gateway with traced acknowledgements that feeds the DMP')
    .version(version)
    .exitOverride()
  const asked = COMMANDS.get(args[0] ?? '')
  for (const load of asked ? [asked] : COMMANDS.values()) (await load())(program, reloads)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    process.stderr.write(`pli: ${sentenceOf(error as Error)}\n`)
    return 1
  }
}
