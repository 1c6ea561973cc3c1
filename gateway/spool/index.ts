export { nextAttempt, type Retry } from './backoff.ts'
export { type Bytes, type Draft, openBytes } from './bytes.ts'
export { type Housekeeping, openHousekeeping } from './housekeeping.ts'
export { LEGS, type Outcome, type OutcomeReason, receiptBefore } from './legs.ts'
export { openOwners } from './owners.ts'
export type { Envelope, Leg, Recipient } from './rows.ts'
export {
  type EventRow,
  type MessageRow,
  type Receipt,
  type RecipientRow,
  type Relay,
  type SpoolTables,
  spool,
  spoolMigrations,
} from './schema.ts'
export { openSpool, type Prepared, type Spool } from './spool.ts'
