import { type Command, InvalidArgumentError } from 'commander'
import type { AuditHead, AuditLine } from '../../crypto/index.ts'
import { withAdministration } from './administration.ts'
import { CONFIG_OPTION } from './data.ts'
import { clock, print } from './output.ts'

interface Options {
  config: string
  json?: boolean
}

/** The tamper-evident log of what was done to boxes, and by whom. */
export function auditCommands(program: Command): void {
  const audit = program.command('audit').description('the log of what was done to boxes, and by whom')

  audit
    .command('verify')
    .description('check that no line was changed, removed, inserted or put elsewhere')
    .requiredOption(...CONFIG_OPTION)
    .option('--noted <line:hash>', 'a head that was noted elsewhere: it must still be there', noted)
    .option('--json', 'for programs')
    .action(async ({ config, json, noted }: Options & { noted?: AuditHead }) => {
      const verdict = await withAdministration(config, ({ audit }) => audit.verify(noted))
      const { head, lines, fault } = verdict
      if (json || !fault) print(json, verdict, () => `${lines} lines, whole; head ${head.line}:${head.hash}`)
      if (fault) throw new Error(`line ${fault.line} of the audit log: ${fault.why}`)
    })

  audit
    .command('list')
    .description('the last lines')
    .requiredOption(...CONFIG_OPTION)
    .option('--object <address>', 'about this box or token only')
    .option('--by <name>', 'of this administrator only, as the lines name him')
    .option('--after <line>', 'the lines behind this one', count)
    .option('--limit <number>', 'so many at most', count, 100)
    .option('--json', 'for programs')
    .action(async ({ config, json, ...asked }: Options & { object?: string; by?: string; after?: number; limit: number }) => {
      const lines = await withAdministration(config, ({ audit }) => audit.list(asked))
      print(json, lines, () => (lines.length === 0 ? 'there is no such line' : lines.map(lineText).join('\n')))
    })
}

function lineText({ line, at, by, action, object, result, detail }: AuditLine): string {
  const said = Object.entries(detail).map(([name, value]) => `${name}=${/[\s",]/.test(value) ? JSON.stringify(value) : value}`)
  return [line, clock(at), by, action, object, ...(result === 'done' ? [] : [result]), ...said].join(' ')
}

function noted(text: string): AuditHead {
  const [, line, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (!line || !hash) throw new InvalidArgumentError('as `pli audit verify` prints it: line:hash.')
  return { line: Number(line), hash }
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number.')
  return Number(text)
}
