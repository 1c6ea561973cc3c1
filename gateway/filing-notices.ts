import { type Database, type Log, type Migration, required, STALE, type Statement, tables } from '../config/index.ts'
import type { Bal } from '../directory/index.ts'
import type { FilingView, Orders } from '../dmp-bridge/index.ts'
import { isNews, type NoticeWishes } from './filing-news.ts'
import type { FilingNews, NoticedDocument } from './receipts/index.ts'
import type { ReportWriter } from './report-writer.ts'
import { type Leg, type MessageRow, type Spool, spool as sql } from './spool/index.ts'

/** How long news waits for the acknowledgement of a message that is on its way, to travel with it. */
const PATIENCE_MS = 60_000

interface NoticeRow {
  message_id: string
  /** JSON: what became of its documents */
  outcome: string
  /** the outcome that its sender was told last */
  told: string | null
  /** when the sender is to be told at the latest; null: there is no news */
  due_at: number | null
}

const build = tables<{ filing_notice: NoticeRow }>()

export const filingNoticeMigrations: Migration[] = [
  {
    id: 'filing-notice-1',
    up: [
      'CREATE TABLE filing_notice (message_id TEXT PRIMARY KEY, outcome TEXT NOT NULL, told TEXT, due_at BIGINT)',
      // What nobody has told, after a crash or while a peer is away.
      'CREATE INDEX filing_notice_due ON filing_notice (due_at) WHERE due_at IS NOT NULL',
    ],
  },
]

export interface FilingNoticesOptions {
  db: Database
  spool: Spool
  reports: Pick<ReportWriter, 'aboutFiling'>
  orders: Pick<Orders, 'list'>
  findBox(address: string): Promise<Pick<Bal, 'type' | 'filingNotices' | 'holdLink'> | undefined>
  /** @returns where what is pending of a message can be held back; without it nobody is sent a link */
  holdLinkOf?: ((messageId: string) => string) | undefined
  /** Where the operator's pages are. */
  pages?: string | undefined
  now(): number
  log: Log
  /** A mail was accepted: somebody has to carry it. */
  onReport(legs: readonly Leg[]): void
}

/** News that travels with a report: the rows belong into the report's transaction, which is undone when somebody else has told it meanwhile. */
export interface CarriedNews {
  news: FilingNews
  rows: readonly Statement[]
}

export type FilingNotices = ReturnType<typeof openFilingNotices>

/**
 * Tells senders what became of their documents in the DMP: with the acknowledgement of the message when that is still to come, else by one mail for
 * the message. What is to be told is a row; telling it and clearing the row are one transaction, so each outcome is told once.
 */
export function openFilingNotices(options: FilingNoticesOptions) {
  const { db, spool, now, log } = options
  /** Messages with news, as far as this process knows: plain letters cost no look into the rows. */
  const waiting = new Set<string>()

  const rowOf = async (id: string) => (await db.run(build.selectFrom('filing_notice').selectAll().where('message_id', '=', id)))[0]
  const messageOf = async (id: string) => (await db.run(sql.selectFrom('message').selectAll().where('id', '=', id)))[0]

  /** Somebody still carries the message for the first time, and will report soon. */
  async function isUnderWay(id: string): Promise<boolean> {
    const carried = sql.selectFrom('recipient').select('position').where('message_id', '=', id).where('attempts', '=', 0)
    return (await db.run(carried.where('relay', 'in', ['queued', 'sending']).limit(1))).length > 0
  }

  async function wishesOf({ box, sender }: MessageRow): Promise<NoticeWishes> {
    const bal = await options.findBox(box ?? sender)
    const holdLink = bal?.holdLink ?? (bal?.type === 'PER' || bal?.type === 'CAB')
    return { which: bal?.filingNotices ?? 'all', holdLink: holdLink && options.holdLinkOf !== undefined }
  }

  function newsIn({ message_id, outcome }: NoticeRow): FilingNews {
    const documents = JSON.parse(outcome) as NoticedDocument[]
    const waits = documents.some(({ state, at }) => state === 'pending' && at !== undefined)
    return { documents, holdLink: waits ? options.holdLinkOf?.(message_id) : undefined, pages: options.pages }
  }

  /** What says that this outcome is told; it fails when it is told already, or another one came. */
  function told({ message_id, outcome }: NoticeRow, by: 'acknowledgement' | 'mail'): Statement[] {
    const clear = build.updateTable('filing_notice').set({ told: outcome, due_at: null }).where('message_id', '=', message_id)
    const states = (JSON.parse(outcome) as NoticedDocument[]).map(({ state }) => state)
    return [
      required(clear.where('outcome', '=', outcome).where('due_at', 'is not', null).returning('message_id')),
      spool.event(message_id, null, 'filing-told', { by, states: states.join(' ') }),
    ]
  }

  async function tell(id: string): Promise<void> {
    const [row, message] = await Promise.all([rowOf(id), messageOf(id)])
    waiting.delete(id)
    if (!row || row.due_at === null || !message) return
    const prepared = await options.reports.aboutFiling(message, newsIn(row))
    try {
      await db.atomically([...told(row, 'mail'), ...prepared.rows], prepared.files)
    } catch (error) {
      if ((error as Error).message !== STALE) throw error
      return spool.discard(prepared)
    }
    log.info('filing-told', { id })
    options.onReport(prepared.legs)
  }

  return {
    /** The filings of a message may have moved: notes what its sender is to be told, and tells it when nothing else is under way that could. */
    async moved(id: string): Promise<void> {
      const filings = await options.orders.list({ messageId: id })
      if (filings.length === 0) return
      const [row, message] = await Promise.all([rowOf(id), messageOf(id)])
      const outcome = JSON.stringify(filings.map(noticed))
      if (!message || message.origin === 'reception' || message.sender === '' || row?.outcome === outcome) return
      const news = isNews(JSON.parse(outcome), row?.told ? JSON.parse(row.told) : undefined, await wishesOf(message))
      const dueAt = news ? now() + PATIENCE_MS : null
      const insert = build.insertInto('filing_notice').values({ message_id: id, outcome, told: null, due_at: dueAt })
      await db.run(insert.onConflict(conflict => conflict.column('message_id').doUpdateSet({ outcome, due_at: dueAt })))
      if (!news) return void waiting.delete(id)
      waiting.add(id)
      if (!(await isUnderWay(id))) await tell(id)
    },

    /** @returns what a report about the message can carry along */
    async newsOf(id: string): Promise<CarriedNews | undefined> {
      if (!waiting.has(id)) return undefined
      const row = await rowOf(id)
      waiting.delete(id) // should the report fail, the sweep tells it
      return row && row.due_at !== null ? { news: newsIn(row), rows: told(row, 'acknowledgement') } : undefined
    },

    /** An attempt to carry the message has ended: when that brought no report, the news goes by itself. */
    async attempted(id: string): Promise<void> {
      try {
        if (waiting.has(id) && !(await isUnderWay(id))) await tell(id)
      } catch (error) {
        log.error('filing-notice-failed', { id }, error) // the attempt stands all the same; the sweep tells it
      }
    },

    /** Tells what nobody has told in time. */
    async tellDue(): Promise<void> {
      const due = build.selectFrom('filing_notice').select('message_id').where('due_at', '<=', now()).orderBy('due_at').limit(100)
      for (const { message_id } of await db.run(due)) await tell(message_id)
    },
  }
}

function noticed({ place, uniqueId, type, state, reasons, code, attempts, nextAttemptAt, settledAt }: FilingView): NoticedDocument {
  const at = state === 'pending' ? (attempts === 0 ? nextAttemptAt : undefined) : settledAt
  return { place, ...{ uniqueId, type }, state, reasons, ...{ code: state === 'pending' ? undefined : code, at } } as NoticedDocument
}
