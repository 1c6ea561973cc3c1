import type { EnhancedStatus, RefusalReason } from '../refusals.ts'
import type { Receipt, Relay } from './schema.ts'

/** Two questions about each recipient; each column moves only along its own table. (The third, filing, is asked once for each document.) */
export const LEGS = {
  relay: { queued: ['sending'], sending: ['queued', 'sent', 'failed'], sent: [], failed: [] },
  receipt: {
    none: ['delivered', 'displayed', 'failed'],
    awaited: ['none', 'delivered', 'displayed', 'failed', 'overdue'], // none: the peer sends no reports, or nothing left
    overdue: ['delivered', 'displayed', 'failed'],
    delivered: ['displayed'],
    failed: ['delivered', 'displayed'], // a second MX may succeed after the first one's report
    displayed: [],
  },
} as const satisfies { relay: Record<Relay, readonly Relay[]>; receipt: Record<Receipt, readonly Receipt[]> }

/** @returns the states from which the receipt may become `to` */
export function receiptBefore(to: Receipt): Receipt[] {
  return (Object.keys(LEGS.receipt) as Receipt[]).filter(from => (LEGS.receipt[from] as readonly Receipt[]).includes(to))
}

/** Why we say no: at our door, to a peer, or because a letter can't be protected as it must be. */
export type OutcomeReason = RefusalReason | 'encryptionImpossible' | 'encryptionUncheckable'

/** What one delivery attempt found. A failure names its status, so no DSN (RFC 3464 §2.3.4) ever invents one. */
export type Outcome =
  /** `relayed`: another operator took it; `final`: it is in the mailbox. `reports`: the peer sends DSNs (RFC 3461 §5.2.2). `sha256`: of the octets that they took. `protection`: how it was encrypted, or why not. */
  | {
      kind: 'relayed'
      peer: string
      host: string
      reply: string
      tls: string
      reports: boolean
      sha256: string
      protection: Readonly<Record<string, string>>
    }
  | { kind: 'final'; reply: string }
  /** `everyone`: the whole domain could not be reached, not just this recipient. `reason`: we refused them, as we would at our own door. */
  | { kind: 'deferred'; status: EnhancedStatus; diagnostic: string; peer?: string; everyone?: boolean; reason?: OutcomeReason }
  | { kind: 'failed'; status: EnhancedStatus; diagnostic: string; peer?: string; reason?: OutcomeReason }
