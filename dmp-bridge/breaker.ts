/**
 * The circuit breaker of one DMP. Closed: everything goes. After some failures in a row that are not a document's own, it opens:
 * one probe at a time, at growing intervals, until the DMP answers.
 */
export class Breaker {
  private readonly after: number
  private readonly probeMs: number
  private failures = 0
  private probes = 0
  private opensAt = 0

  constructor(options: { after: number; probeMs: number }) {
    this.after = options.after
    this.probeMs = options.probeMs
  }

  get isOpen(): boolean {
    return this.failures >= this.after
  }

  /** When the next probe may start; 0 while everything goes. */
  get nextAt(): number {
    return this.isOpen ? this.opensAt : 0
  }

  allows(now: number, inHand: number): boolean {
    return !this.isOpen || (inHand === 0 && now >= this.opensAt)
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
    this.opensAt = now + this.probeMs * 2 ** Math.min(this.probes, 3)
    this.probes++
  }
}
