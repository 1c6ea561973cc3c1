import { type Command, InvalidArgumentError } from 'commander'
import { FAULTS, type FaultKind, parseFault } from '../../test/world/dmp-simulator/faults.ts'
import { local } from '../../test/world/local.ts'

export function localCommand(program: Command): void {
  program
    .command('local')
    .description('the local trust space: two operators, white list, directory, DMP simulator and test PKI on loopback, from nothing')
    .option('--once', 'send a sample referral through the whole path, print its timeline; exit 0 only if relayed, acknowledged and filed')
    .option('--json', 'for programs: a `ready` line with every address, port, account, password, file and URL')
    .option('--port-base <n>', 'first of ten ports in a row; free ones otherwise', portNumber)
    .option('--dir <folder>', 'keep everything there, in a new or empty folder; a temporary one, removed at the end, otherwise')
    .option(
      '--fault <fault>',
      `what the DMP simulator does wrong: dmp-<kind>, with *<n> for n requests only; kinds: ${FAULTS.join(', ')}, http-<status>, code:<code>, soap:<role>[/<code>]`,
      faultOf,
    )
    .action(async (options: { once?: boolean; json?: boolean; portBase?: number; dir?: string; fault?: Fault }) => {
      process.exitCode = await local(options)
    })
}

interface Fault {
  kind: FaultKind
  times?: number
}

function faultOf(text: string): Fault {
  const fault = parseFault(text)
  if (!fault) throw new InvalidArgumentError('e.g. dmp-down, dmp-busy*3 or dmp-code:XDSRegistryBusy*1.')
  return fault
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_528) throw new InvalidArgumentError('a port number.')
  return port
}
