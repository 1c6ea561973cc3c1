// Preloaded into a gateway and its threads by `stoppable` (node --import). It watches what the gateway asks of its database and its disk, and ends the
// process, as a power cut would, at the step that a test waits for. The product knows nothing of it.
import fs, { readFileSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread, Worker } from 'node:worker_threads'

const file = process.env.PLI_TEST_STOP
const hurry = Number(process.env.PLI_TEST_HURRY ?? 1)

if (isMainThread && file) watchStatements(file)
if (!isMainThread && file) watchSyncs(file)
if (isMainThread && hurry > 1) shortenRounds(hurry)

function watchStatements(orderFile) {
  const post = Worker.prototype.postMessage
  Worker.prototype.postMessage = function (job, ...rest) {
    const order = orderFor(orderFile, job)
    if (order?.when === 'before') die(orderFile)
    if (order?.when === 'after') {
      this.prependListener('message', answers => {
        if (Array.isArray(answers) && answers.some(({ id }) => id === job.id)) die(orderFile)
      })
    }
    return post.call(this, job, ...rest)
  }
}

function orderFor(orderFile, job) {
  if (!Array.isArray(job?.queries)) return undefined
  const order = read(orderFile)
  return order?.statement && new RegExp(order.statement, 's').test(JSON.stringify(job.queries)) ? order : undefined
}

// The database's thread syncs the folder of the messages once their bytes are on the disk, before it commits their rows.
function watchSyncs(orderFile) {
  const sync = fs.fsyncSync
  fs.fsyncSync = descriptor => {
    sync(descriptor)
    if (read(orderFile)?.when === 'synced') die(orderFile)
  }
  syncBuiltinESMExports()
}

function read(orderFile) {
  try {
    return JSON.parse(readFileSync(orderFile, 'utf8'))
  } catch {
    return undefined // no order
  }
}

function die(orderFile) {
  rmSync(orderFile)
  process.kill(process.pid, 'SIGKILL')
}

// What is done every ten seconds or more is done more often; nothing else of the clock changes.
function shortenRounds(factor) {
  const set = globalThis.setInterval
  globalThis.setInterval = (work, every, ...rest) => set(work, every >= 10_000 ? every / factor : every, ...rest)
}
