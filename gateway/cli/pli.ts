#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { packageRoot } from '../../config/index.ts'
import { adminCommands } from './admin.ts'
import { auditCommands } from './audit.ts'
import { directoryCommands } from './directory.ts'
import { dmpCommands } from './dmp.ts'
import { explainCommand } from './explain.ts'
import { localCommand } from './local.ts'
import { queueCommand } from './queue.ts'
import { serveCommands } from './serve.ts'
import { traceCommand } from './trace.ts'
import { whiteListCommands } from './white-list.ts'

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }

// What we write is for its owner alone: rows, messages, mailboxes, keys.
process.umask(0o077)

const program = new Command('pli')
  .description('Secure health messaging for France: an MSSanté gateway with traced acknowledgements that feeds the DMP')
  .version(version)
  .exitOverride()

for (const add of [
  serveCommands,
  localCommand,
  queueCommand,
  traceCommand,
  explainCommand,
  dmpCommands,
  directoryCommands,
  whiteListCommands,
  auditCommands,
  adminCommands,
])
  add(program)

/** Exit status: 0 done, 1 refused or failed (one sentence on standard error), 2 bad usage. */
try {
  await program.parseAsync()
} catch (error) {
  const isUsage = error instanceof CommanderError
  if (!isUsage) console.error(`pli: ${(error as Error).message}`)
  process.exit(isUsage ? (error.exitCode === 0 ? 0 : 2) : 1) // threads that were opened before the failure end with it
}
