import type { Command } from 'commander'
import { type Configuration, ConfigurationFault, loadConfiguration } from '../../config/index.ts'
import { checkAnsFiles, checkKeys } from '../readiness.ts'
import { checkStored } from '../stored-readiness.ts'
import { print } from './output.ts'

export function checkCommand(program: Command): void {
  program
    .command('check')
    .description(
      'check a configuration, its keys, certificates and authorities, the white list in place, and whether what is stored can be opened: all faults at once; exit status 1 when there is one, not for warnings',
    )
    .argument('<file>')
    .option('--json', 'for programs')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const { configuration, faults, warnings } = await judge(file)
      const { name, domains, listen } = configuration ?? {}
      if (json) print(json, { file, right: faults.length === 0, name, domains, listen, faults, warnings }, () => '')
      else for (const warning of warnings) console.error(`warning: ${warning}`)
      if (faults.length > 0) throw new ConfigurationFault(file, faults)
      const ports = Object.entries(listen ?? {}).map(([door, { host, port }]) => `${door} ${host}:${port}`)
      if (!json) console.log(`${file} is right: ${name}, ${domains?.join(', ')}; ${ports.join(', ')}`)
    })
}

async function judge(file: string): Promise<{ configuration?: Configuration; faults: readonly string[]; warnings: string[] }> {
  const now = Date.now()
  let configuration: Configuration | undefined
  const read = await faultsOf(() => {
    configuration = loadConfiguration(file)
  })
  if (!configuration) return { faults: read, warnings: [] }
  const given = configuration
  const stored = await checkStored(given, now)
  const faults = [
    ...(await faultsOf(() => checkKeys(file, given, now))),
    ...(await faultsOf(() => checkAnsFiles(file, given))),
    ...stored.faults,
  ]
  return { configuration, faults, warnings: stored.warnings }
}

async function faultsOf(work: () => void | Promise<void>): Promise<readonly string[]> {
  try {
    await work()
    return []
  } catch (error) {
    if (error instanceof ConfigurationFault) return error.faults
    throw error
  }
}
