import type { Bell } from './bell.ts'
import { type BridgeLog, placeOf } from './bridge-log.ts'
import { type DeletionTools, deleteOne } from './deletion.ts'
import { fileTogether } from './filer.ts'
import type { FilingRow, InboxRow } from './filing-tables.ts'
import { parse } from './filing-view.ts'
import type { Pace } from './pace.ts'
import { type ReaderTools, readMessage, wholeMessage } from './reader.ts'
import { DOCUMENTS_PER_SUBMISSION } from './sets.ts'
import { retryDelay } from './timing.ts'
import type { Descriptions } from './wrap/descriptions.ts'

export interface WorkerTools extends DeletionTools {
  note: ReaderTools['note']
  release(messageId: string): Promise<void>
  moved(messageId: string): Promise<void>
  descriptions: Descriptions
  isAlive(owner: string): boolean | Promise<boolean>
  pace: Pace
  bell: Bell
  log: BridgeLog
}

/**
 * Does what the rows say is due. One step starts all that may start now and tells when to look again; the steps follow one
 * another, what they start runs side by side.
 */
export class BridgeWorker {
  private readonly tools: WorkerTools
  private readonly reading = new Set<Promise<void>>()
  private readonly filing = new Set<Promise<void>>()
  private telling: Promise<void> = Promise.resolve()
  private paceAt = 0
  private sweptAt = Number.NEGATIVE_INFINITY
  private steps: Promise<unknown> = Promise.resolve()
  private timer: NodeJS.Timeout | undefined
  private running = false
  private rung = false
  private deafen: (() => void) | undefined

  constructor(tools: WorkerTools) {
    this.tools = tools
  }

  start(): void {
    this.running = true
    this.deafen = this.tools.bell.listen(() => this.wake())
    this.wake()
  }

  /** Starts nothing more and waits for what is in hand. */
  async stop(): Promise<void> {
    this.running = false
    this.deafen?.()
    clearTimeout(this.timer)
    await this.steps
    await this.inHand()
  }

  /** Does everything that is due at this instant of the clock. @returns when something will be due again, if anything waits */
  async drain(): Promise<number | undefined> {
    for (;;) {
      const { started, wakeAt } = await this.step()
      await this.inHand()
      if (started === 0) return wakeAt
    }
  }

  private async inHand(): Promise<void> {
    while (this.reading.size + this.filing.size > 0) await Promise.all([...this.reading, ...this.filing])
    await this.telling
  }

  private wake(): void {
    if (!this.running || this.rung) return
    this.rung = true
    this.steps = this.steps.then(async () => {
      this.rung = false
      if (this.running) await this.turn()
    })
  }

  private async turn(): Promise<void> {
    const { timing, now, log } = this.tools
    let wakeAt: number | undefined
    try {
      wakeAt = (await this.step()).wakeAt
    } catch (error) {
      log.fault('worker', placeOf(error)) // the database, most likely: the sweep comes back
    }
    clearTimeout(this.timer)
    const wait = Math.min(Math.max((wakeAt ?? Number.POSITIVE_INFINITY) - now(), 0), timing.sweepMs)
    if (this.running) this.timer = setTimeout(() => this.wake(), wait)
  }

  private async step(): Promise<{ started: number; wakeAt: number | undefined }> {
    await this.sweep()
    const started = (await this.startReading()) + (await this.startFiling())
    return { started, wakeAt: await this.nextAt() }
  }

  private async startReading(): Promise<number> {
    const room = this.tools.timing.readers - this.reading.size
    const messages = room > 0 ? await this.tools.filings.claimMessages(room) : []
    for (const message of messages) this.hold(this.reading, this.readOne(message))
    return messages.length
  }

  private async startFiling(): Promise<number> {
    const { breaker, filings, now, pace, policy, timing } = this.tools
    let started = 0
    while (this.filing.size < timing.submitters && breaker.allows(now(), this.filing.size)) {
      const due = (await filings.nextDue()).filing
      if (due === undefined || due > now()) break
      const turn = await pace()
      if (!turn.taken) {
        this.paceAt = turn.again
        break
      }
      const claimed = await filings.claimDue(policy.documentsPerSubmission ?? DOCUMENTS_PER_SUBMISSION)
      if (claimed.length === 0) break
      this.hold(this.filing, this.fileThem(claimed))
      started++
    }
    return started
  }

  /** When something may start: rows that are due wait for the pace and the breaker; full hands ring when they are free. */
  private async nextAt(): Promise<number | undefined> {
    const { breaker, filings, now, timing } = this.tools
    const due = await filings.nextDue()
    const times = []
    if (due.message !== undefined && this.reading.size < timing.readers) times.push(due.message)
    const hasHand = this.filing.size < timing.submitters && !(breaker.isOpen && this.filing.size > 0)
    if (due.filing !== undefined && hasHand) times.push(Math.max(due.filing, this.paceAt, breaker.nextAt(now())))
    return times.length > 0 ? Math.min(...times) : undefined
  }

  private hold(hands: Set<Promise<void>>, work: Promise<void>): void {
    const done = work.finally(() => {
      hands.delete(done)
      this.wake()
    })
    hands.add(done)
  }

  private async readOne(message: InboxRow): Promise<void> {
    const { filings, log, now, timing } = this.tools
    const id = message.message_id
    const started = performance.now()
    try {
      if (message.faults > timing.faultsAllowed) await filings.plan(message, [wholeMessage(['internal-error'], this.tools)])
      else
        log.read(
          id,
          await readMessage(message, { ...this.tools, dmpConfigured: this.tools.dmp !== undefined }),
          Math.round(performance.now() - started),
        )
      await this.tell(id)
    } catch (error) {
      log.fault(id, placeOf(error))
      const isLast = message.faults >= timing.faultsAllowed
      const wait = isLast ? 0 : retryDelay(timing, message.faults) // the next claim holds it
      await this.quietly(id, () => filings.deferMessage(message, now() + wait))
    }
  }

  /** An unforeseen exception concerns these documents alone: it counts, each then goes by itself, and after a few it is held. */
  private async fileThem(claimed: readonly FilingRow[]): Promise<void> {
    const { filings, log, now, timing } = this.tools
    const [first] = claimed
    if (!first) return
    try {
      if (first.faults > timing.faultsAllowed) await this.stopFiling(first)
      else if (first.state === 'deleting') await deleteOne(first, this.tools)
      else await fileTogether(claimed, this.tools)
      await this.tell(first.message_id)
    } catch (error) {
      for (const filing of claimed) {
        log.fault(filing.id, placeOf(error))
        const isLast = filing.faults >= timing.faultsAllowed
        const wait = isLast ? 0 : retryDelay(timing, filing.faults)
        await this.quietly(filing.id, () => filings.giveBack(filing, now() + wait))
      }
    }
  }

  private async stopFiling(filing: FilingRow): Promise<void> {
    const { filings } = this.tools
    if (filing.state === 'deleting') await filings.settle(filing, 'filed', { reasons: ['not-deleted', 'internal-error'] })
    else await filings.settle(filing, 'held', { reasons: ['internal-error'] })
  }

  /** Tells the mail's ledger and its sender what is new, then gives back the bytes that nobody needs. One teller at a time. */
  private tell(messageId: string): Promise<void> {
    const { filings } = this.tools
    this.telling = this.telling.then(() =>
      this.quietly(messageId, async () => {
        const untold = await filings.untold({ messageId })
        for (const filing of untold) await this.note(filing)
        await this.tools.moved(messageId)
        for (const filing of untold) await filings.told(filing)
        await this.tools.descriptions.clear()
        await this.releaseFinished(messageId)
      }),
    )
    return this.telling
  }

  private async note(filing: FilingRow): Promise<void> {
    const detail: Record<string, string> = { filing: filing.id, place: String(filing.place) }
    if (filing.unique_id !== null) detail.uniqueId = filing.unique_id
    const reasons = parse(filing.reasons)
    if (reasons.length > 0) detail.reasons = reasons.join(' ')
    if (filing.code !== null) detail.code = filing.code
    await this.tools.note(filing.message_id, filing.state, detail)
  }

  private async releaseFinished(messageId?: string): Promise<void> {
    const { filings, now, timing } = this.tools
    for (const id of await filings.finishedMessages(now() - timing.keepRefusedMs, messageId)) {
      await this.quietly(id, async () => {
        await this.tools.release(id)
        await filings.markReleased(id)
      })
    }
  }

  /** What a crash, a dead neighbour or an order from outside has left: claims, untold changes, bytes to give back. */
  private async sweep(): Promise<void> {
    const { filings, now, timing } = this.tools
    if (Math.abs(now() - this.sweptAt) < timing.sweepMs) return // a clock set back makes no pause
    this.sweptAt = now()
    await filings.releaseDead(this.tools.isAlive)
    const late = new Set((await filings.untold({ since: now() - timing.sweepMs })).map(filing => filing.message_id))
    for (const id of late) await this.tell(id)
    await this.quietly('sweep', () => this.releaseFinished())
    await this.quietly('sweep', () => this.tools.descriptions.clear())
  }

  /** For what another time will do as well: a failure is logged and the rows stay as they are. */
  private async quietly(row: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.tools.log.fault(row, placeOf(error))
    }
  }
}
