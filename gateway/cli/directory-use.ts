import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../config/index.ts'
import { type BoxUse, openBoxUses, PURPOSES, type Purpose } from '../../directory/index.ts'
import { openAdministration } from '../administration.ts'
import { openBoxes } from '../data.ts'
import { by } from './administration.ts'
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
    .action((address: string, purposes: Purpose[] | undefined, { config, by: who }: Options & { by: string }) =>
      say(config, address.toLowerCase(), purposes ?? [], who),
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

/** What is said of a box of ours is a change of that box: it stands in the audit log. */
async function say(config: string, address: string, purposes: Purpose[], who: string): Promise<void> {
  await withData(config, async (db, configuration) => {
    if (!configuration.domains.includes(address.split('@')[1] ?? '')) return openBoxUses(db, { now: Date.now }).say(address, purposes, who)
    const { admin } = openAdministration(db, { boxes: openBoxes(db, Date.now), configuration, now: Date.now })
    await admin.change(address, { purposes }, by({ by: who }))
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
