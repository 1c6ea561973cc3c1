const MOST_DOUBLINGS = 4

/**
 * Remembers that the service is out, so that its outage costs nobody a timeout each time. Closed: everything goes. After some failures
 * in a row it opens: one probe at a time, at growing intervals, until the service answers.
 */
export class Breaker {
  private readonly after: number
  private readonly probeMs: number
  private failures = 0
  private probes = 0
  private probeAt = 0

  constructor({ after = 3, probeMs = 5_000 }: { after?: number; probeMs?: number } = {}) {
    this.after = after
    this.probeMs = probeMs
  }

  get isOpen(): boolean {
    return this.failures >= this.after
  }

  /** @param now milliseconds @returns whether this caller is the one who may try; the next one is then an interval away */
  takesProbe(now: number): boolean {
    const wait = this.probeAt - now
    if (wait > 0 && wait <= this.probeMs * 2 ** MOST_DOUBLINGS) return false // longer: the clock was set back
    this.wait(now)
    return true
  }

  /** The service has answered, be it with a no. */
  answered(): void {
    this.failures = 0
    this.probes = 0
  }

  failed(now: number): void {
    this.failures++
    if (this.failures === this.after) this.wait(now)
  }

  private wait(now: number): void {
    this.probeAt = now + this.probeMs * 2 ** Math.min(this.probes, MOST_DOUBLINGS)
    this.probes++
  }
}
