import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import { Argument, type Command } from 'commander'
import { FEEDING, type Feeding, hasValidKey, instantOf, openOppositions, readStatements } from '../../dmp-bridge/index.ts'
import { vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print } from './output.ts'

interface Options {
  config: string
  by: string
  json?: boolean
}

const BY_OPTION = ['--by <name>', 'who records it', userInfo().username] as const

/** Patients' numbers are read from files and standard input alone: arguments of a command can be seen by everybody on the machine. */
export function oppositionCommands(dmp: Command): void {
  const opposition = dmp.command('opposition').description('patients who oppose the feeding of their DMP')

  opposition
    .command('import')
    .description('record what a patient administration says (IHE PAM-FR, segment ZFA)')
    .argument('<file...>', 'HL7 v2 messages; - for standard input')
    .requiredOption(...CONFIG_OPTION)
    .option(...BY_OPTION)
    .option('--json', 'for programs')
    .action(async (files: string[], options: Options) => {
      const read = await Promise.all(files.map(async file => ({ file, ...readStatements(await contentOf(file)) })))
      const statements = read
        .flatMap(each => each.statements)
        .map(({ ins, feeding, at, validated }) => ({
          matricule: ins.matricule,
          feeding,
          saidAt: instantOf(at) ?? Date.now(),
          validated,
        }))
      const recorded = await register(options, oppositions => oppositions.record(statements, options.by))
      const unread = read.flatMap(({ file, unread }) => unread.map(each => ({ file, ...each })))
      print(options.json, { statements: statements.length, recorded, unread }, () =>
        [
          `${statements.length} statements read, ${recorded} recorded`,
          ...unread.map(({ file, message, why }) => `${file}: message ${message} cannot be read: ${why}`),
        ].join('\n'),
      )
      if (unread.length > 0) process.exitCode = 1
    })

  opposition
    .command('record')
    .description('record what patients said: IO (informed, opposed), INO (informed, not opposed), NA (not asked yet)')
    .addArgument(new Argument('<said>', 'what they said').choices([...FEEDING]))
    .requiredOption(...CONFIG_OPTION)
    .option(...BY_OPTION)
    .action(async (feeding: Feeding, options: Options) => {
      const matricules = await matriculesOnInput()
      const said = matricules.map(matricule => ({ matricule, feeding, saidAt: Date.now(), validated: true }))
      const recorded = await register(options, oppositions => oppositions.record(said, options.by))
      console.log(`${recorded} recorded`)
    })

  opposition
    .command('show')
    .description('what is on record of the patients whose numbers are on standard input, in their order')
    .requiredOption(...CONFIG_OPTION)
    .action(async (options: Options) => {
      const matricules = await matriculesOnInput()
      const said = await register(options, oppositions => Promise.all(matricules.map(matricule => oppositions.of(matricule))))
      console.log(said.map(each => each ?? 'nothing').join('\n'))
    })
}

function register<T>(
  { config }: Pick<Options, 'config'>,
  work: (oppositions: ReturnType<typeof openOppositions>) => Promise<T>,
): Promise<T> {
  return withData(config, (db, configuration) =>
    work(openOppositions(db, { secret: dataKey(configuration.data, 'patients', vaultOf(configuration)), now: Date.now })),
  )
}

async function contentOf(file: string): Promise<string> {
  return file === '-' ? text(process.stdin) : readFile(file, 'utf8')
}

/** One number a line. @throws when one has not its right key; its line is told, never the number */
async function matriculesOnInput(): Promise<string[]> {
  const lines = (await text(process.stdin)).split(/\r?\n/).map(line => line.replaceAll(/\s/g, ''))
  const matricules = lines.filter(line => line !== '')
  const wrong = lines.findIndex(line => line !== '' && !hasValidKey(line))
  if (wrong !== -1) throw new Error(`line ${wrong + 1} is no INS: 15 characters with their key`)
  if (matricules.length === 0) throw new Error('write the INS of the patients on standard input, one a line')
  return matricules
}
