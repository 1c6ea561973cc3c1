import { parentPort, workerData } from 'node:worker_threads'
import { Submission } from './submission.ts'

/** A client in a thread of its own that says NOOP and MAIL in turn and measures how long each reply takes, until it is told to stop. */
const { port, account } = workerData
const client = await Submission.open(port, account, { rejectUnauthorized: false })
const lines = ['NOOP', `MAIL FROM:<${account.address}>`, 'RSET']
const waits: number[] = []
let running = true
parentPort!.on('message', () => {
  running = false
})
parentPort!.postMessage('ready')
for (let turn = 0; running; turn += 1) {
  const start = performance.now()
  const reply = await client.dialogue.say(lines[turn % lines.length]!)
  waits.push(performance.now() - start)
  if (!reply.startsWith('250')) throw new Error(reply)
  // The pace of a client that is not in a hurry: the gateway's processor is for the other one.
  await new Promise(resolve => setTimeout(resolve, 2))
}
await client.dialogue.quit()
parentPort!.postMessage(waits)
parentPort!.close()
