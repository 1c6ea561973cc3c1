import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../config/index.ts'
import { type BoxUse, openBoxUses, PURPOSES, type Purpose } from '../../directory/index.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print, table } from './output.ts'

interface Options {
  config: string
  json?: boolean
}

/** Which box? What each is for, and which ones no longer answer. */
export function directoryUseCommands(directory: Command): void {
  directory
    .command('purpose')
    .description(`say what a box is for: ${PURPOSES.join(', ')}; without any, what was said is withdrawn`)
    .argument('<address>')
    .argument('[purpose...]', 'what it is for', purpose)
    .requiredOption(...CONFIG_OPTION)
    .option('--by <name>', 'who says so', userInfo().username)
    .action((address: string, purposes: Purpose[] | undefined, { config, by }: Options & { by: string }) =>
      withData(config, db => openBoxUses(db, { now: Date.now }).say(address.toLowerCase(), purposes ?? [], by)),
    )

  directory
    .command('report')
    .description('the boxes we write to that refuse, or that nobody seems to read')
    .requiredOption(...CONFIG_OPTION)
    .option('--silent <duration>', 'without an acknowledgement for so long', parseDuration, parseDuration('90d'))
    .option('--json', 'for programs')
    .action(async ({ config, json, silent }: Options & { silent: number }) => {
      const stale = await withData(config, db => openBoxUses(db, { now: Date.now }).stale(Date.now() - silent))
      print(json, stale, () => {
        if (stale.length === 0) return 'every box that we write to answers'
        const header = ['address', 'why', 'received', 'acknowledged', 'unread since', 'refused', 'for']
        return table([header, ...stale.map(box => [box.address, box.why, ...times(box), box.purposes.join(' ')])])
      })
    })
}

function purpose(text: string, before: Purpose[] = []): Purpose[] {
  const known = PURPOSES.find(each => each === text)
  if (!known) throw new InvalidArgumentError(`one of ${PURPOSES.join(', ')}.`)
  return [...before, known]
}

function times({ receivedAt, acknowledgedAt, unreadSince, refusedAt }: BoxUse): string[] {
  return [receivedAt, acknowledgedAt, unreadSince, refusedAt].map(at => (at === undefined ? '-' : new Date(at).toISOString().slice(0, 10)))
}
