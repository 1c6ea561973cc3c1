export { nextAttempt, type Retry } from './backoff.ts'
export { type Bytes, type Draft, openBytes } from './bytes.ts'
export { LEGS, type Outcome, receiptBefore } from './legs.ts'
export { openOwners } from './owners.ts'
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
export { type Envelope, type Leg, openSpool, type Prepared, type Recipient, type Spool } from './spool.ts'
