import type { Command } from 'commander'
import { loadConfiguration } from '../../config/index.ts'
import { REASONS, type Reason, type Rules, shippedRules } from '../../dmp-bridge/index.ts'
import { policyOf } from '../filing/index.ts'
import { print, table } from './output.ts'

export function rulesCommand(dmp: Command): void {
  dmp
    .command('rules')
    .description('the rules in effect that hold a document, and where each comes from: law, programme or operator')
    .option('-c, --config <file>', 'whose rules; without it, those that come with the program')
    .option('--json', 'for programs')
    .action(({ config, json }: { config?: string; json?: boolean }) => {
      const rules = config === undefined ? shippedRules() : rulesIn(config)
      const { edition, majority, plausible } = rules
      const rows = rowsOf(rules)
      print(json, { edition, majority, rules: rows, plausible }, () =>
        [
          `rules of ${edition}, professions of ${plausible.edition}; of age at ${majority}`,
          table([['rule', 'from', 'codes', 'sentence'], ...rows.map(each => [each.id, each.origin, codesOf(each.when), each.sentence])]),
          table([
            ['profession or structure', 'writes'],
            ...[...plausible.professions, ...plausible.facilities].map(each => [
              each.label,
              'types' in each ? each.types.join(' ') : `all but ${each.except.join(' ')}`,
            ]),
          ]),
        ].join('\n\n'),
      )
    })
}

function rulesIn(config: string): Rules {
  const { dmp } = loadConfiguration(config)
  if (!dmp) throw new Error('this configuration has no dmp')
  return policyOf(dmp).rules ?? shippedRules()
}

interface Row {
  id: string
  reason: Reason
  origin: string
  source: string
  effect: 'hold'
  sentence: string
  when?: object
}

/** Rules of the table, then what is judged of every document by fixed rules, then what makes bytes unreadable. */
function rowsOf({ rules, fixed }: Rules): Row[] {
  const named = new Set([...rules, ...fixed].map(each => each.reason))
  const reading = (Object.keys(REASONS) as Reason[]).filter(reason => REASONS[reason].action === 'hold' && !named.has(reason))
  const ofReason = (reason: Reason, origin: string, source: string): Row => ({
    ...{ id: reason, reason, origin, source, effect: 'hold', sentence: REASONS[reason].fr },
  })
  return [
    ...rules,
    ...fixed.map(each => ofReason(each.reason, each.origin, each.source)),
    ...reading.filter(reason => !reason.startsWith('operator-')).map(reason => ofReason(reason, 'programme', 'DESIGN, decision 7')),
  ]
}

function codesOf(when: object | undefined): string {
  return Object.values(when ?? {})
    .flat()
    .filter(each => each !== true)
    .join(' ')
}
