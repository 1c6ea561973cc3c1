import type { Command } from 'commander'
import { describeCommand } from './dmp-describe.ts'
import { figuresCommand } from './dmp-figures.ts'
import { inspectCommand } from './dmp-inspect.ts'
import { oppositionCommands } from './dmp-opposition.ts'
import { orderCommands } from './dmp-orders.ts'
import { rulesCommand } from './dmp-rules.ts'
import { submissionCommand } from './dmp-submission.ts'
import { tableCommands } from './dmp-tables.ts'

export function dmpCommands(program: Command): void {
  const dmp = program.command('dmp').description('filing in the DMP')
  inspectCommand(dmp)
  submissionCommand(dmp)
  rulesCommand(dmp)
  orderCommands(dmp)
  describeCommand(dmp)
  oppositionCommands(dmp)
  tableCommands(dmp)
  figuresCommand(dmp)
}
