import type { Command } from 'commander'
import { loadMailboxKey } from '../../crypto/index.ts'
import { type FormerLetters, sealFormerLetters } from '../couriers/former-letters.ts'
import { layout } from '../data.ts'
import { type ByOption, byOption, writeDown } from './administration.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { interruptible } from './interruption.ts'
import { amount, print, progressLine } from './output.ts'

interface Options extends ByOption {
  config: string
  dryRun?: boolean
  json?: boolean
}

export function sealMailboxesCommand(keys: Command): void {
  keys
    .command('seal-mailboxes')
    .description(
      'seal the letters of the mailboxes that lie in clear, as a former version delivered them; gateway and Dovecot may run, and it may be repeated',
    )
    .requiredOption(...CONFIG_OPTION)
    .option('--dry-run', 'only count them')
    .option(...byOption('has them sealed'))
    .option('--json', 'for programs')
    .action(async ({ config, dryRun: isDry = false, by: who, json }: Options) => {
      const { letters, interrupted } = await interruptible(signal =>
        withData(config, async (db, { data, mailboxes }) => {
          const key = loadMailboxKey(mailboxes.publicKey)
          const progress = progressLine(process.stderr)
          const onProgress = (count: number) => count % 100 === 0 && progress.show(`${count} letters looked at`)
          const run = { folder: layout(data).mailboxes, key, isDry, signal, onProgress }
          const done = await sealFormerLetters(run).finally(progress.clear)
          if (!isDry)
            await writeDown(db, {
              who,
              action: 'keys.seal-mailboxes',
              object: 'mailboxes',
              detail: { ...countsOf(done), ...(signal.aborted && { interrupted: 'yes' }) },
            })
          return { letters: done, interrupted: signal.aborted }
        }),
      )
      print(json, { ...letters, dryRun: isDry, interrupted }, () => textOf(letters, isDry))
      if (interrupted) throw new Error('interrupted: what is sealed is sealed, the same again goes on')
      if (letters.faults.length > 0) process.exitCode = 1
    })
}

/** Counts alone: the audit log names no box for this. */
function countsOf({ maildirs, already, sealed, clear }: FormerLetters): Record<string, string> {
  return { maildirs: String(maildirs), already: String(already), sealed: String(sealed), clear: String(clear) }
}

function textOf({ maildirs, already, sealed, clear, faults }: FormerLetters, isDry: boolean): string {
  const found = isDry ? `${amount(clear, 'letter')} in clear` : `${amount(sealed, 'letter')} sealed`
  return [
    `${found}, ${already} sealed before, in ${amount(maildirs, 'Maildir')}`,
    ...faults.map(({ box, reason, letters }) =>
      letters > 0 ? `${box}: ${amount(letters, 'letter')} in clear: ${reason}` : `${box}: cannot be looked at: ${reason}`,
    ),
  ].join('\n')
}
