import type { Command } from 'commander'
import { parseDuration } from '../../config/index.ts'
import { type ByOption, by, byOption, withAdministration } from './administration.ts'
import { CONFIG_OPTION } from './data.ts'
import { print, table } from './output.ts'

interface Options extends ByOption {
  config: string
  json?: boolean
}

/** Who may use the administration API. */
export function adminCommands(program: Command): void {
  const token = program.command('admin').description('the administration API').command('token').description('who may use it')

  token
    .command('create')
    .description('make a token; prints it, once')
    .argument('<name>', 'stands in the audit log beside each of its calls')
    .requiredOption(...CONFIG_OPTION)
    .option('--expires <duration>', 'it ends after so long: 90d', parseDuration)
    .option(...byOption('makes it'))
    .option('--json', 'for programs')
    .action(async (name: string, { config, json, expires, ...options }: Options & { expires?: number }) => {
      const expiresAt = expires === undefined ? undefined : Date.now() + expires
      const made = await withAdministration(config, ({ tokens }) => tokens.create(name, by(options), expiresAt))
      print(json, { name, token: made, ...(expiresAt !== undefined && { expiresAt }) }, () => made)
    })

  token
    .command('list')
    .description('all tokens, without their secrets')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async ({ config, json }: Options) => {
      const tokens = await withAdministration(config, ({ tokens }) => tokens.list())
      const day = (at: number | undefined) => (at === undefined ? '-' : new Date(at).toISOString().slice(0, 10))
      const rows = tokens.map(({ name, createdAt, expiresAt, revokedAt }) => [name, day(createdAt), day(expiresAt), day(revokedAt)])
      print(json, tokens, () => (rows.length === 0 ? 'there is no token' : table([['name', 'created', 'expires', 'revoked'], ...rows])))
    })

  token
    .command('revoke')
    .description('end a token now; its name stays taken')
    .argument('<name>')
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('revokes it'))
    .action((name: string, { config, ...options }: Options) => withAdministration(config, ({ tokens }) => tokens.revoke(name, by(options))))
}
