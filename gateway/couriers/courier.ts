import type { Leg, Outcome } from '../spool/index.ts'

/** Takes one recipient's message one hop further. Never throws for what the other side does: the outcome says it. */
export interface Courier {
  deliver(leg: Leg, content: Buffer): Promise<Outcome>
  close(): Promise<void>
}
