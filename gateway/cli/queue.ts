import type { Command } from 'commander'
import { spool as sql } from '../spool/index.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { print, table } from './output.ts'

const MINUTE = 60_000
/** Upper ends of the columns, as qshape draws them. */
const AGES = [5, 10, 20, 40, 80, 160, 320, 640, 1280].map(minutes => minutes * MINUTE)

export interface QueueRow {
  domain: string
  total: number
  /** Recipients by age of the message: below each of AGES, and older. */
  ages: number[]
}

export function queueCommand(program: Command): void {
  program
    .command('queue')
    .description('recipients that wait, by domain and by age')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async ({ config, json }: { config: string; json?: boolean }) => {
      const waiting = await withData(config, db =>
        db.run(
          sql
            .selectFrom('recipient')
            .innerJoin('message', 'message.id', 'recipient.message_id')
            .select(['domain', 'accepted_at'])
            .where('relay', 'in', ['queued', 'sending']),
        ),
      )
      const rows = byDomain(waiting, Date.now())
      print(json, rows, () => queueText(rows))
    })
}

export function byDomain(waiting: readonly { domain: string; accepted_at: number }[], now: number): QueueRow[] {
  const rows = new Map<string, QueueRow>()
  for (const { domain, accepted_at } of waiting) {
    const row = rows.get(domain) ?? { domain, total: 0, ages: new Array<number>(AGES.length + 1).fill(0) }
    rows.set(domain, row)
    const column = AGES.findIndex(end => now - accepted_at < end)
    const index = column < 0 ? AGES.length : column
    row.ages[index] = (row.ages[index] ?? 0) + 1
    row.total += 1
  }
  return [...rows.values()].sort((a, b) => b.total - a.total)
}

function queueText(rows: readonly QueueRow[]): string {
  if (rows.length === 0) return 'nothing waits'
  const header = ['domain', 'total', ...AGES.map(end => `<${end / MINUTE}m`), 'older']
  return table([header, ...rows.map(row => [row.domain, String(row.total), ...row.ages.map(String)])])
}
