import { type Command, InvalidArgumentError } from 'commander'
import { local } from '../../test/world/local.ts'

export function localCommand(program: Command): void {
  program
    .command('local')
    .description('the local trust space: two operators, white list, directory, DMP simulator and test PKI on loopback, from nothing')
    .option('--once', 'send a sample referral through the whole path, print its timeline; exit 0 only if relayed, acknowledged and filed')
    .option('--json', 'for programs: a `ready` line with every address, port, account, password, file and URL')
    .option('--port-base <n>', 'first of ten ports in a row; free ones otherwise', portNumber)
    .option('--dir <folder>', 'keep everything there, in a new or empty folder; a temporary one, removed at the end, otherwise')
    .action(async (options: { once?: boolean; json?: boolean; portBase?: number; dir?: string }) => {
      process.exitCode = await local(options)
    })
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_528) throw new InvalidArgumentError('a port number.')
  return port
}
