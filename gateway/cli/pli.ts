#!/usr/bin/env node
import { holdReloads } from './reloads.ts'

// What we write is for its owner alone: rows, messages, mailboxes, keys.
process.umask(0o077)

const args = process.argv.slice(2)
const reloads = args[0] === 'serve' ? holdReloads() : undefined // others end when their terminal is gone
const { runPli } = await import('./program.ts') // loading it takes most of the start, and SIGHUP may come meanwhile
const status = await runPli(args, reloads)
if (status !== 0) process.exit(status) // threads that were opened before the failure end with it
