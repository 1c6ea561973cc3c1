/**
 * The circuit breaker of one DMP. Closed: everything goes. After some failures in a row that are not a document's own, it opens:
 * one probe at a time, at growing intervals, until the DMP answers. A clock that is set back makes no interval longer.
 */
export class Breaker {
  private readonly after: number
  private readonly probeMs: number
  private failures = 0
  private probes = 0
  private failedAt = 0
  private waitMs = 0

  constructor(options: { after: number; probeMs: number }) {
    this.after = options.after
    this.probeMs = options.probeMs
  }

  get isOpen(): boolean {
    return this.failures >= this.after
  }

  /** When the next probe may start; 0 while everything goes. */
  nextAt(now: number): number {
    if (!this.isOpen || now < this.failedAt) return 0
    return this.failedAt + this.waitMs
  }

  allows(now: number, inHand: number): boolean {
    return !this.isOpen || (inHand === 0 && now >= this.nextAt(now))
  }

  /** The DMP has answered, be it with a refusal. */
  answered(): void {
    this.failures = 0
    this.probes = 0
  }

  /** @param atOnce the cause can't be this document: no need to see it several times */
  failed(now: number, atOnce: boolean): void {
    this.failures = atOnce ? Math.max(this.failures + 1, this.after) : this.failures + 1
    if (!this.isOpen) return
    this.failedAt = now
    this.waitMs = this.probeMs * 2 ** Math.min(this.probes, 3)
    this.probes++
  }
}
