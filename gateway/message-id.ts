import { randomBytes } from 'node:crypto'

/** Ids sort by time, which keeps the indexes compact; the random part makes them unguessable. */
export function newMessageId(): string {
  return `${Date.now().toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`
}
