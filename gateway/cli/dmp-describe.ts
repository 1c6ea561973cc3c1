import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { type Description, descriptionSchema, openDescriptions, openOrders } from '../../dmp-bridge/index.ts'
import { vaultOf } from '../data.ts'
import { dataKey } from '../data-key.ts'
import { type ByOption, by, byOption, noteOrder } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { orderText } from './order-text.ts'

/** Says whose a file is that does not say it itself. What is said comes from a file: an argument would stand in the history of a shell. */
export function describeCommand(dmp: Command): void {
  dmp
    .command('describe')
    .description(
      'say of a held file without identity (PDF, image, RTF, text, HPRIM) whose it is: it is then filed as a document of its sender',
    )
    .argument('<id>', 'of the filing, from dmp list')
    .requiredOption(
      '--file <description>',
      'JSON: patient {ins, oid, birthName, firstName, firstNames?, birthDate, sex, birthPlaceCog}, type, practice, facility, performedAt, title?',
    )
    .requiredOption(...CONFIG_OPTION)
    .option(...byOption('gives the order'))
    .action(async (id: string, { config, file, ...who }: { config: string; file: string } & ByOption) => {
      const said = await readDescription(file)
      const result = await withData(config, async (db, configuration) => {
        const descriptions = openDescriptions(db, { secret: dataKey(configuration.data, 'patients', vaultOf(configuration)) })
        const given = await openOrders(db, { now: Date.now, descriptions }).describe(id, { ...said, by: by(who) })
        await noteOrder(db, 'describe', id, given, who.by)
        return given
      })
      console.log(orderText(id, result))
    })
}

/** @throws Error that names the fields that are wrong, never what they hold */
export async function readDescription(file: string): Promise<Description> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new Error(`${file} is no JSON`)
    throw cause
  }
  const parsed = descriptionSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const wrong = new Set(parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'the whole'} (${code})`))
  throw new Error(`${file} does not describe a document: ${[...wrong].join(', ')}`)
}
