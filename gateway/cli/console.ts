import type { Command } from 'commander'
import { openAudit } from '../../crypto/index.ts'
import { vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import { type Operators, operatorsOf } from '../http/pages/operators.ts'
import { type ByOption, by, byOption } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print, table } from './output.ts'

interface Options extends ByOption {
  config: string
  json?: boolean
}

/** Who of the operator may use the pages. */
export function consoleCommands(program: Command): void {
  const operator = program
    .command('console')
    .description('the pages for people')
    .command('operator')
    .description('who of the operator may use them')

  operator
    .command('add')
    .description('make an account; prints its password, the URI for an authenticator and a recovery sentence, once')
    .argument('<name>', 'stands in the audit log beside each of its orders')
    .requiredOption(...CONFIG_OPTION)
    .option('--may-read', 'it may see the patient and the title of a document; each look is audited', false)
    .option(...byOption('makes it'))
    .option('--json', 'for programs')
    .action(async (name: string, { config, json, mayRead, ...options }: Options & { mayRead: boolean }) => {
      const made = await withOperators(config, operators => operators.add(name, { mayRead, by: by(options) }))
      print(json, { name, mayRead, ...made }, () =>
        table([
          ['password', made.password],
          ['authenticator', made.otpauth],
          ['recovery', made.recovery],
        ]),
      )
    })

  operator
    .command('list')
    .description('all accounts, without their secrets')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async ({ config, json }: Options) => {
      const operators = await withOperators(config, operators => operators.list())
      const rows = operators.map(({ name, mayRead, hasRecovery, createdAt, createdBy }) => [
        name,
        mayRead ? 'yes' : 'no',
        hasRecovery ? 'kept' : 'used',
        new Date(createdAt).toISOString().slice(0, 10),
        createdBy,
      ])
      print(json, operators, () =>
        rows.length === 0 ? 'there is no operator' : table([['name', 'may read', 'recovery', 'created', 'by'], ...rows]),
      )
    })

  operator
    .command('remove')
    .description('end an account and its sessions now')
    .argument('<name>')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('removes it'))
    .action((name: string, { config, ...options }: Options) => withOperators(config, operators => operators.remove(name, by(options))))
}

function withOperators<T>(config: string, work: (operators: Operators) => Promise<T>): Promise<T> {
  return withData(config, (db, configuration) => {
    const audit = openAudit(db, { now: Date.now })
    return work(
      operatorsOf({
        db,
        key: dataKey(configuration.data, 'console', vaultOf(configuration)),
        name: configuration.name,
        audit,
        now: Date.now,
      }),
    )
  })
}
