import { readdir, readFile, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Argument, type Command } from 'commander'
import { FEEDING, type Feeding, hasValidKey, type Oppositions, openOppositions, readOppositionFile } from '../../dmp-bridge/index.ts'
import { vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import { writeDown } from './administration.ts'
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
    .description('record what a patient administration says (IHE PAM-FR, segment ZFA), or one JSON object a line')
    .argument('<file...>', 'HL7 v2 messages, in a batch or not, or JSON lines; a folder for all its files; - for standard input')
    .requiredOption(...CONFIG_OPTION)
    .option(...BY_OPTION)
    .option('--json', 'for programs')
    .action(async (given: string[], options: Options) => {
      const files = (await Promise.all(given.map(filesOf))).flat()
      const read = await Promise.all(files.map(async file => ({ file, ...readOppositionFile(await contentOf(file), Date.now()) })))
      const statements = read.flatMap(each => each.statements)
      const recorded = await recordFor(options, 'opposition.import', statements)
      const unread = read.flatMap(({ file, unread }) => unread.map(each => ({ file, ...each })))
      print(options.json, { statements: statements.length, recorded, unread }, () =>
        [
          `${statements.length} statements read, ${recorded} recorded`,
          ...unread.map(({ file, line, why }) => `${file}: line ${line} cannot be read: ${why}`),
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
      const recorded = await recordFor(options, 'opposition.record', said, { feeding })
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

function register<T>({ config }: Pick<Options, 'config'>, work: (oppositions: Oppositions) => Promise<T>): Promise<T> {
  return withData(config, (db, configuration) =>
    work(openOppositions(db, { secret: dataKey(configuration.data, 'patients', vaultOf(configuration)), now: Date.now })),
  )
}

/** Patients are not named: the rows of the register say who recorded what of each. */
async function recordFor(
  options: Pick<Options, 'config' | 'by'>,
  action: string,
  statements: Parameters<Oppositions['record']>[0],
  detail: Record<string, string> = {},
): Promise<number> {
  const recorded = await register(options, oppositions => oppositions.record(statements, options.by))
  const counts = { statements: String(statements.length), recorded: String(recorded), ...detail }
  await withData(options.config, db => writeDown(db, { who: options.by, action, object: 'opposition', detail: counts }))
  return recorded
}

/** The files of a folder, in order; its hidden ones and its folders are left alone. */
async function filesOf(given: string): Promise<string[]> {
  if (given === '-' || !(await stat(given)).isDirectory()) return [given]
  const entries = await readdir(given, { withFileTypes: true })
  const names = entries.filter(entry => entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name)
  return names.sort().map(name => join(given, name))
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
