import { sql as raw } from 'kysely'
import type { Database } from '../config/index.ts'
import type { Signs } from '../directory/index.ts'
import { spool as sql } from './spool/index.ts'

const PAGE = 500
/** Lines of other processes may commit a little after ours, under an earlier number. */
const OVERLAP_MS = 2 * 60_000

export interface SignsOfLife {
  see(signs: ReadonlyMap<string, Signs>): Promise<void>
  latest(): Promise<number>
}

/**
 * Tells the directory which boxes took, read or refused what was sent to them, from the ledger; apart from the path of the mail, since
 * nobody waits for it.
 * @param options.isPatient patients are left out: when they read is nobody's statistics
 * @returns what reads the lines since the last time
 */
export function openSignsOfLife(options: { db: Database; uses: SignsOfLife; isPatient(domain: string): boolean }): () => Promise<void> {
  const { db, uses, isPatient } = options
  let from: number | undefined

  return async () => {
    from ??= seqOf((await uses.latest()) - OVERLAP_MS)
    let after = from
    for (;;) {
      const lines = await linesAfter(db, after)
      const signs = new Map<string, Signs>()
      for (const line of lines) {
        const sign = isPatient(line.domain) ? undefined : signOf(line)
        if (sign) signs.set(line.address, { ...signs.get(line.address), ...sign })
      }
      if (signs.size > 0) await uses.see(signs)
      after = lines.at(-1)?.seq ?? after
      if (lines.length < PAGE) break
    }
    from = Math.max(from, after - seqOf(OVERLAP_MS))
  }
}

interface Line {
  seq: number
  address: string
  domain: string
  kind: string
  at: number
  detail: string
}

/** Numbers of ledger lines are microseconds that never repeat. */
const seqOf = (milliseconds: number) => milliseconds * 1000

function linesAfter(db: Database, seq: number): Promise<Line[]> {
  return db.run(
    sql
      .selectFrom('event')
      .innerJoin('recipient', join =>
        join.onRef('recipient.message_id', '=', 'event.message_id').onRef('recipient.position', '=', 'event.position'),
      )
      .select(['event.seq', 'recipient.address', 'recipient.domain', 'event.kind', 'event.at', 'event.detail'])
      // Written out, as in the index: a partial index serves only what it can be seen to hold.
      .where(raw<boolean>`event.kind IN ('delivered', 'displayed', 'failed')`)
      .where('event.seq', '>', seq)
      .orderBy('event.seq')
      .limit(PAGE),
  )
}

function signOf({ kind, at, detail }: Line): Signs | undefined {
  if (kind === 'delivered') return { receivedAt: at }
  if (kind === 'displayed') return { acknowledgedAt: at }
  return isTheirNo(detail) ? { refusedAt: at } : undefined
}

/** RFC 3463 §3.2, §3.3: the address or the mailbox is at fault, not the way to it. */
function isTheirNo(detail: string): boolean {
  return /^5\.[12]\./.test(String((JSON.parse(detail) as { status?: string }).status ?? ''))
}
