import type { Log } from '../config/index.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Settlement } from './settlement.ts'
import type { Housekeeping, openOwners } from './spool/index.ts'

const BEAT_MS = 10_000
const SWEEP_MS = 30_000

/** What must happen now and then, whoever died and whatever was forgotten. */
export function openUpkeep(options: {
  housekeeping: Housekeeping
  owners: ReturnType<typeof openOwners>
  settlement: Settlement
  dispatcher: Dispatcher
  /** Authorities and revocation lists may have been replaced on the disk. */
  renewTrust(): void
  /** The master keys may have been rotated. */
  rotate(): Promise<void>
  /** The directory may have become too old. */
  watchDirectory(): void
  /** The directory is told which boxes showed signs of life. */
  observe(): Promise<void>
  /** The operator is told which certificates end soon, and which of his were revoked. */
  tellCertificates(): Promise<void>
  /** Senders are told what became of their documents. */
  tellFilings(): Promise<void>
  /** The audit log is signed, and its oldest lines are removed. */
  keepAudit(): Promise<void>
  log: Log
}) {
  const { housekeeping, owners, settlement, dispatcher, log } = options
  const timers: NodeJS.Timeout[] = []
  let running: Promise<void> = Promise.resolve()

  async function releaseDead(): Promise<void> {
    const dead = await owners.dead()
    const released = await owners.releaseRecipients(dead)
    await owners.forget(dead)
    if (released > 0) log.warn('claims-released', { recipients: released, owners: dead.length })
  }

  async function settleOverdue(): Promise<void> {
    for (const leg of await housekeeping.overdue(100)) await settlement.overdue(leg)
  }

  async function removeDone(): Promise<void> {
    while ((await housekeeping.removeDone(500)) === 500);
  }

  const round: Record<string, () => unknown> = {
    renewTrust: options.renewTrust,
    watchDirectory: options.watchDirectory,
    releaseDead,
    overdue: settleOverdue,
    tellFilings: options.tellFilings,
    tellCertificates: options.tellCertificates,
    removeDone,
    removeOrphans: housekeeping.removeOrphans,
    observe: options.observe,
    ring: dispatcher.ring,
    rotate: options.rotate,
    keepAudit: options.keepAudit,
  }

  /** A part that fails is told, and keeps none of the others back: on a full disk nothing can be told, and what is done must go. */
  async function sweep(): Promise<void> {
    for (const [task, part] of Object.entries(round)) {
      try {
        await part()
      } catch (error) {
        log.error('upkeep-failed', { task }, error)
      }
    }
  }

  /** One task after the other; a failure is told and the next turn comes all the same. */
  function every(milliseconds: number, name: string, task: () => Promise<void>): void {
    const timer = setInterval(() => {
      running = running.then(task).catch(error => log.error('upkeep-failed', { task: name }, error))
    }, milliseconds)
    timers.push(timer)
  }

  return {
    /** At the start: what processes that are gone held is ours to do. */
    recover: releaseDead,
    start(): void {
      every(BEAT_MS, 'beat', () => owners.beat())
      every(SWEEP_MS, 'sweep', sweep)
    },
    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer)
      await running
    },
  }
}
