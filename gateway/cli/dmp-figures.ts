import type { Command } from 'commander'
import { parseDuration } from '../../config/index.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { clock, print, table } from './output.ts'

const WEEK_MS = 7 * 86_400_000

export function figuresCommand(dmp: Command): void {
  dmp
    .command('figures')
    .description('filings by state, reason, type and day; how long the oldest has waited')
    .requiredOption(...CONFIG_OPTION)
    .option('--since <duration>', 'made in this time: 24h, 30d; a week by default', parseDuration, WEEK_MS)
    .option('--json', 'for programs')
    .action(async ({ config, since, json }: { config: string; since: number; json?: boolean }) => {
      const { openFigures } = await import('../../dmp-bridge/console/index.ts')
      const now = Date.now()
      const figures = await withData(config, db => openFigures(db).read({ since: now - since, now }))
      print(json, figures, () => {
        const { byState, byReason, byType, oldest, lastFiledAt } = figures
        const rows = (what: string, counts: object) => Object.entries(counts).map(([name, count]) => [what, name, String(count)])
        const at = (time: number | undefined) => (time === undefined ? '-' : clock(time))
        return table([
          ['what', 'which', 'count or time'],
          ...rows('state', byState),
          ...rows('reason', byReason),
          ...rows('type', byType),
          ['oldest', 'pending', at(oldest.pending)],
          ['oldest', 'held', at(oldest.held)],
          ['last', 'filed', at(lastFiledAt)],
        ])
      })
    })
}
