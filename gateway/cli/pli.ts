#!/usr/bin/env node
import { runPli } from './program.ts'

// What we write is for its owner alone: rows, messages, mailboxes, keys.
process.umask(0o077)

const status = await runPli(process.argv.slice(2))
if (status !== 0) process.exit(status) // threads that were opened before the failure end with it
