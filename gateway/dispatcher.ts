import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../config/index.ts'
import type { Courier } from './couriers/courier.ts'
import type { IncomingReports } from './incoming-reports.ts'
import type { Settlement } from './settlement.ts'
import type { Leg, Outcome, Spool } from './spool/index.ts'

/** At once for one domain: as many connections as another operator should see from us. */
const LANE_WIDTH = 20
/** Recipients of one domain that wait in memory: one that hangs keeps no place from the others. */
const LANE_LENGTH = 100
/** For all domains but our own, whose mailboxes must never wait for another operator. */
const MOST_IN_MEMORY = 5_000
/** A domain that took a letter so recently is not down: one refused connection defers nobody else. */
const RECENTLY = 60_000

/** How long a stop waits for peers that do not answer; what was under way is then taken up by whoever comes next. */
const PATIENCE = 30_000

interface Lane {
  waiting: Leg[]
  active: number
  succeededAt: number
}

export interface DispatcherOptions {
  spool: Spool
  settlement: Settlement
  reports: IncomingReports
  /** Our own, who gets the reports that nobody answers for. */
  postmaster: string
  relay: Courier
  mailbox: Courier
  /** Domains of our own mailboxes. */
  domains: readonly string[]
  now(): number
  log: Log
}

export type Dispatcher = ReturnType<typeof openDispatcher>

/** Carries due recipients to their couriers. It holds nothing that the rows do not know: they are claimed, and claims of the dead are released. */
export function openDispatcher(options: DispatcherOptions) {
  const { spool, settlement, log } = options
  const isOurs = (domain: string) => options.domains.includes(domain)
  const lanes = new Map<string, Lane>()
  /** Bytes of a message with several recipients are read once while they are carried. */
  const contents = new Map<string, { bytes: Promise<Buffer>; users: number }>()
  let held = 0
  let claiming = false
  let again = false
  let stopped = false
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let whenIdle: (() => void) | undefined

  const weight = (leg: Leg) => Number(!isOurs(leg.domain))

  function take(legs: readonly Leg[]): void {
    for (const leg of legs) {
      const lane = lanes.get(leg.domain) ?? { waiting: [], active: 0, succeededAt: 0 }
      lanes.set(leg.domain, lane)
      lane.waiting.push(leg)
      held += weight(leg)
    }
    for (const domain of new Set(legs.map(leg => leg.domain))) run(domain)
  }

  function run(domain: string): void {
    const lane = lanes.get(domain)
    if (!lane) return
    while (!stopped && lane.active < LANE_WIDTH && lane.waiting.length > 0) {
      lane.active += 1
      const leg = lane.waiting.shift()!
      void carry(leg, lane).finally(() => {
        lane.active -= 1
        held -= weight(leg)
        if (lane.active === 0 && lane.waiting.length === 0) lanes.delete(domain)
        else run(domain)
        if (lane.waiting.length < LANE_LENGTH / 2) ring() // more of this domain may wait in the rows
        whenIdle?.()
      })
    }
  }

  async function carry(leg: Leg, lane: Lane): Promise<void> {
    const outcome = await attempt(leg).catch((error): Outcome => {
      log.error('attempt-failed', { id: leg.message_id, position: leg.position }, error)
      return { kind: 'deferred', status: '4.3.0', diagnostic: 'internal error' }
    })
    await surely(leg, () => (outcome === 'consumed' ? settlement.consumed(leg) : settlement.settle(leg, outcome)))
    if (outcome !== 'consumed' && (outcome.kind === 'relayed' || outcome.kind === 'final')) lane.succeededAt = options.now()
    const isDown = outcome !== 'consumed' && outcome.kind === 'deferred' && outcome.everyone
    if (isDown && options.now() - lane.succeededAt > RECENTLY) await deferAll(lane, outcome)
  }

  /**
   * What an attempt found must be written down, or the message would be sent again: while the rows can't be written (a full disk), this tries on, and
   * keeps its place in the lane, so that nothing more is sent meanwhile.
   */
  async function surely(leg: Leg, settle: () => Promise<void>): Promise<void> {
    for (let wait = 1_000; ; wait = Math.min(wait * 2, 60_000)) {
      try {
        return await settle()
      } catch (error) {
        log.error('settle-failed', { id: leg.message_id, position: leg.position }, error)
        if (stopped) return
        await pause(wait, undefined, { signal: stopping.signal }).catch(() => {})
      }
    }
  }

  async function attempt(leg: Leg): Promise<Outcome | 'consumed'> {
    let content: Buffer
    try {
      content = await borrow(leg.message_id)
    } catch (error) {
      return { kind: 'deferred', status: '4.3.0', diagnostic: `spool: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}` }
    }
    try {
      if (!isOurs(leg.domain)) return await options.relay.deliver(leg, content)
      return await intoMailbox(leg, content)
    } finally {
      giveBack(leg.message_id)
    }
  }

  async function intoMailbox(leg: Leg, content: Buffer): Promise<Outcome | 'consumed'> {
    if (leg.report && leg.origin !== 'report') {
      const absorbed = await options.reports.absorb(leg, content)
      if (absorbed === 'stray') return toPostmaster(leg, content)
      if (absorbed) leg.about = absorbed.about
      if (absorbed && !absorbed.wanted) return 'consumed'
    }
    return options.mailbox.deliver(leg, content)
  }

  /** A report that answers nothing of ours, from outside the trusted space, is not put before a professional; it is not lost either. */
  async function toPostmaster(leg: Leg, content: Buffer): Promise<Outcome> {
    log.info('report-stray', { id: leg.message_id })
    const outcome = await options.mailbox.deliver({ ...leg, address: options.postmaster }, content)
    return outcome.kind === 'final' ? { ...outcome, reply: `${outcome.reply} of the postmaster` } : outcome
  }

  /** The domain can't be reached: those who wait for it need not find out one by one. */
  async function deferAll(lane: Lane, outcome: Outcome): Promise<void> {
    const waiting = lane.waiting.splice(0)
    for (const leg of waiting) held -= weight(leg)
    await Promise.all(waiting.map(leg => surely(leg, () => settlement.settle(leg, outcome))))
  }

  function borrow(id: string): Promise<Buffer> {
    const known = contents.get(id) ?? { bytes: spool.read(id), users: 0 }
    known.users += 1
    contents.set(id, known)
    return known.bytes
  }

  function giveBack(id: string): void {
    const known = contents.get(id)
    if (!known) return
    known.users -= 1
    if (known.users === 0) contents.delete(id)
  }

  /** The bell: something may be due. Rings that come while one is answered are answered once more. */
  function ring(): void {
    again = true
    if (claiming || stopped) return
    claiming = true
    void claim().finally(() => {
      claiming = false
    })
  }

  async function claim(): Promise<void> {
    try {
      while (again && !stopped) {
        again = false
        const busy = [...lanes].filter(([, lane]) => lane.waiting.length >= LANE_LENGTH / 2).map(([domain]) => domain)
        const legs = await spool.claimDue(LANE_LENGTH / 2, { busy, ...(held >= MOST_IN_MEMORY ? { only: options.domains } : {}) })
        take(legs)
        if (legs.length === LANE_LENGTH / 2) again = true
      }
      await wakeAtNextDue()
    } catch (error) {
      log.error('claim-failed', {}, error)
    }
  }

  async function wakeAtNextDue(): Promise<void> {
    const at = await spool.nextDue()
    clearTimeout(timer)
    if (at === undefined || stopped) return
    timer = setTimeout(ring, Math.min(Math.max(at - options.now(), 50), 60_000))
  }

  return {
    ring,
    /** Carries what was claimed in the same breath as it was accepted. */
    take,
    /** Whether a new message may come claimed; else it waits in its row. */
    hasRoom(domains: readonly string[]): boolean {
      if (stopped || held + domains.length > MOST_IN_MEMORY) return false
      return domains.every(domain => domains.length + (lanes.get(domain)?.waiting.length ?? 0) <= LANE_LENGTH)
    },
    held: () => held,
    /** Ends what is under way; what waits goes back to its row with the owner's other claims. */
    async stop(): Promise<void> {
      stopped = true
      stopping.abort()
      clearTimeout(timer)
      const active = () => [...lanes.values()].some(lane => lane.active > 0)
      const end = AbortSignal.timeout(PATIENCE)
      while (active() && !end.aborted) {
        await new Promise<void>(resolve => {
          whenIdle = resolve
          end.addEventListener('abort', () => resolve(), { once: true })
        })
      }
      await Promise.all([options.relay.close(), options.mailbox.close()])
    },
  }
}
