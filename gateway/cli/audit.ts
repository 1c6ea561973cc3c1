import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { freshFile } from '../../config/index.ts'
import { type AuditHead, type AuditLine, exportAudit } from '../../crypto/index.ts'
import { byOption, giveAway, withAdministration, writeDown } from './administration.ts'
import { type VerifyOptions, verdictText, verifyAudit } from './audit-verify.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { clock, print } from './output.ts'

interface Options {
  config: string
  json?: boolean
}

/** The tamper-evident log of what was done to boxes, and by whom. */
export function auditCommands(program: Command): void {
  const audit = program
    .command('audit')
    .description('the chained and signed log of who did what: boxes, keys, certificates, lists, filings, proofs')

  audit
    .command('verify')
    .description(
      'check that no line was changed, removed, inserted or put elsewhere, and every checkpoint; needs no key and writes nothing',
    )
    .requiredOption(...CONFIG_OPTION)
    .option('--checkpoints <file...>', 'checkpoints that were kept elsewhere: all of them must still be there')
    .option('--export <file>', 'an export, in place of the log')
    .option('--signer <file...>', 'certificates of ours under another name that signed before (PEM)')
    .option('--noted <line:hash>', 'a head that was noted elsewhere, as `verify` printed it: it must still be there', noted)
    .option('--json', 'for programs')
    .action(async (options: VerifyOptions) => {
      const verdict = await verifyAudit(options)
      if (options.json) print(true, verdict, () => '')
      const text = verdictText(verdict)
      if (!options.json) print(false, verdict, () => text)
    })

  audit
    .command('export')
    .description(
      'a part of the log as JSON lines, from a checkpoint to a checkpoint, so that it can be verified: lines around what was asked for come along',
    )
    .requiredOption(...CONFIG_OPTION)
    .option('--since <time>', 'lines from then on (ISO 8601)', instant)
    .option('--until <time>', 'lines up to then (ISO 8601)', instant)
    .option('--out <file>', 'a new file, for its owner only; on standard output otherwise')
    .option(...byOption('exports it'))
    .action(async ({ config, out, since, until, by: who }: Options & { out?: string; since?: number; until?: number; by?: string }) => {
      if (since !== undefined && until !== undefined && until < since) throw new Error('--until lies before --since')
      await withData(config, async (db, { hostname }) => {
        const days = { ...(since && { since: new Date(since).toISOString() }), ...(until && { until: new Date(until).toISOString() }) }
        const entry = { who, action: 'audit.export', object: 'audit', detail: days }
        const lines = withEnds(exportAudit(db, { since, until, operator: hostname, now: Date.now }))
        if (out === undefined) {
          await writeDown(db, entry)
          return pipeline(lines, process.stdout, { end: false })
        }
        using file = freshFile(out)
        await giveAway(db, entry, async signal => {
          for await (const line of lines) {
            file.write(line)
            signal.throwIfAborted()
          }
          file.sync()
        })
        file.keep()
      })
    })

  audit
    .command('list')
    .description('the last lines')
    .requiredOption(...CONFIG_OPTION)
    .option('--object <address>', 'about this box, domain, token, key, place or message only, as the lines name it')
    .option('--by <name>', 'of this one only, as the lines name him: cli:maud, token:console, gateway')
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
  if (!line || !hash) throw new InvalidArgumentError('as `pli audit verify` prints it: line:hash, the hash of 64 hexadecimal digits.')
  return { line: Number(line), hash }
}

async function* withEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`
}

function instant(text: string): number {
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError('a day or an instant, as 2026-11-22 or 2026-11-22T08:00:00Z.')
  return at
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number.')
  return Number(text)
}
