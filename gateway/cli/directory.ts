import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { type Command, Option } from 'commander'
import type { BalType } from '../../directory/index.ts'
import { openBoxes } from '../main.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { directoryImportCommand } from './directory-import.ts'
import { directoryLookCommands } from './directory-look.ts'
import { directoryUseCommands } from './directory-use.ts'
import { publicationCommand } from './publication.ts'

export function directoryCommands(program: Command): void {
  const directory = program.command('directory').description('the annuaire: national snapshot and local boxes')

  directoryImportCommand(directory)
  directoryLookCommands(directory)
  directoryUseCommands(directory)
  publicationCommand(directory)

  const box = directory.command('box').description('boxes hosted here')
  box
    .command('create')
    .description('create a box; prints its application password, once')
    .argument('<address>')
    .requiredOption(...CONFIG_OPTION)
    .addOption(new Option('--type <type>', 'of the box').choices(['PER', 'ORG', 'APP', 'CAB']).makeOptionMandatory())
    .requiredOption('--name <name>', 'as people read it')
    .option('--rpps <number>', 'of the person (PER, CAB)')
    .option('--responsible <name>', 'who answers for the box (ORG, APP)')
    .option('--structure <id...>', 'national structure ids: 1 and the FINESS, or 3 and the SIRET', [])
    .action(
      async (
        address: string,
        options: { config: string; type: BalType; name: string; rpps?: string; responsible?: string; structure: string[] },
      ) => {
        const password = randomBytes(18).toString('base64url')
        const { config, type, name, rpps, responsible, structure } = options
        await withData(config, (db, { domains }) => {
          if (!domains.includes(address.split('@')[1] ?? '')) throw new Error(`${address} is not in one of our domains`)
          return openBoxes(db, Date.now).create(
            { address, type, name, structures: structure, rpps, responsible },
            password,
            `cli:${userInfo().username}`,
          )
        })
        console.log(password)
      },
    )
  box
    .command('declare')
    .description('record that the holder informs the patients and records their oppositions: its documents may then be filed')
    .argument('<address>')
    .requiredOption(...CONFIG_OPTION)
    .action((address: string, { config }: { config: string }) =>
      withData(config, db => openBoxes(db, Date.now).declare(address, `cli:${userInfo().username}`)),
    )
}
