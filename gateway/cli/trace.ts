import type { Command } from 'commander'
import { type Timeline, type TimelineLine, timelineOf } from '../timeline.ts'
import { CONFIG_OPTION, withData } from './data.ts'
import { clock, print } from './output.ts'

export function traceCommand(program: Command): void {
  program
    .command('trace')
    .description("one message's whole ledger")
    .argument('<message-id>', 'our id, or the Message-ID field')
    .requiredOption(...CONFIG_OPTION)
    .option('--json', 'for programs')
    .action(async (id: string, { config, json }: { config: string; json?: boolean }) => {
      const timeline = await withData(config, db => timelineOf(db, id))
      if (!timeline) throw new Error('no message of that id')
      print(json, timeline, () => timelineText(timeline))
    })
}

/** @returns the timeline for a person: the ledger, then where each recipient stands */
export function timelineText(timeline: Timeline): string {
  const states = timeline.recipients.map(
    ({ address, relay, receipt, filing }) => `  ${address}: relay ${relay}, receipt ${receipt}, filing ${filing}`,
  )
  return [`message ${timeline.message.id}`, ...timeline.lines.map(lineText), ...states].join('\n')
}

export function lineText({ at, what, to, detail }: TimelineLine): string {
  const words = Object.entries(detail).filter(([, value]) => value !== '')
  const said = words.map(([name, value]) => `${name}=${/[\s",]/.test(value) ? JSON.stringify(value) : value}`)
  return [clock(at), what.padEnd(13), ...(to ? [to] : []), ...said].join(' ')
}
