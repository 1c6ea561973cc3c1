import { randomUUID } from 'node:crypto'
import { type OperatorFiles, openOperator } from './operator.ts'

/** An operator's process that files until it is killed, at one instant of the story's clock. */
const { files, now } = JSON.parse(process.argv[2] ?? '') as { files: OperatorFiles; now: number }
const operator = await openOperator(files, { owner: 'killed', now: () => now, newId: randomUUID, delayMs: 0 })
operator.bridge.start()
