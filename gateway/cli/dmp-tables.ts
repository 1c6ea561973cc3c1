import type { Command } from 'commander'
import { loadConfiguration } from '../../config/index.ts'
import { type AnsFiles, openAnsFiles } from '../../dmp-bridge/index.ts'
import { print, table } from './output.ts'

export function tableCommands(dmp: Command): void {
  dmp
    .command('tables')
    .description('the code tables and schemas that documents are judged by: edition, where each comes from')
    .option('-c, --config <file>', 'configuration; without it, what comes with the program')
    .option('--json', 'for programs')
    .action(async ({ config, json }: { config?: string; json?: boolean }) => {
      const files = await openAnsFiles(config === undefined ? undefined : loadConfiguration(config).dmp?.ansFiles, { isWhole: true })
      print(json, files, () => tablesText(files))
    })
}

function tablesText({ tables, unused, schema, schematrons }: AnsFiles): string {
  const rows = tables.map(each => [each.table, each.edition, each.source, String(each.count)])
  const broken = schematrons.filter(each => each.why !== undefined)
  return [
    table([['table', 'edition', 'source', 'count'], ...rows]),
    `schema: cda-r2 (shipped)${schema === undefined ? '' : `, ${schema}`}`,
    `schematrons: ${schematrons.length - broken.length}`,
    ...broken.map(({ name, why }) => `not evaluated: ${name}: ${why}`),
    ...(unused.length > 0 ? [`not used: ${unused.join(', ')}`] : []),
  ].join('\n')
}
