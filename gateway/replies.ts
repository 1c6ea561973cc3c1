import type { SMTPServerSession } from 'smtp-server'
import type { Log } from '../config/index.ts'
import { maskPatient } from './address.ts'
import { ContentFault } from './content-guard.ts'
import { Refusal } from './refusals.ts'

/** A door, and the log that hears what it refuses. */
export interface RefusingDoor {
  door: string
  log: Log
}

/** The one place where refusals become replies. Anything else is a bug: 451 outside, its cause in the log (STYLE: errors). */
export async function answer<T>(
  at: RefusingDoor,
  session: SMTPServerSession,
  callback: (error?: Error | null, value?: T) => void,
  work: () => T | Promise<T>,
): Promise<void> {
  let value: T
  try {
    value = await work()
  } catch (error) {
    const refusal = error instanceof ContentFault ? error : refusalOf(error)
    tell(at, session, refusal)
    const code = refusal instanceof ContentFault ? refusal.reply : refusal.code
    return callback(Object.assign(new Error(`${refusal.status} ${refusal.message}`), { responseCode: code }))
  }
  callback(null, value)
}

/** What went wrong, as a refusal that can be told: nothing of a bug is. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : unforeseen(error)
}

/** Writes a refusal down: who was refused and why, never the text of it. */
export function tell({ door, log }: RefusingDoor, session: SMTPServerSession, refusal: Refusal | ContentFault): void {
  const { reason } = refusal
  const decided = refusal instanceof Refusal ? refusal.decided : {}
  log.info('refused', { door, session: session.id, reason, user: maskPatient(String(session.user ?? '')) || undefined, ...decided })
  if (refusal.cause) log.error('refusal-cause', { door, session: session.id, reason: refusal.reason }, refusal.cause)
}

/** A client that goes away in the middle of DATA is no bug of ours. */
function unforeseen(error: unknown): Refusal {
  const isCut = (error as NodeJS.ErrnoException).code === 'ECONNECTION'
  return isCut ? new Refusal('connectionLost') : new Refusal('internal', undefined, { cause: error })
}
