import { sql } from 'kysely'
import type { Database } from '../../config/database/index.ts'
import { bridge, type FilingState } from '../filing-tables.ts'
import { type FilingView, parse, VIEW_COLUMNS, viewOf } from '../filing-view.ts'

/** A filing as the pages list it: with the box that sent its message, and the digest of the document. */
export interface FilingEntry extends FilingView {
  sha256: string
  box: string
  /** whether the bytes of its message are still kept */
  hasBytes: boolean
}

export interface ListFilter {
  /** only messages of these boxes; undefined: of all */
  boxes: readonly string[] | undefined
  state?: FilingState | undefined
  reason?: string | undefined
  type?: string | undefined
  box?: string | undefined
  /** milliseconds; from this on, and before that */
  from?: number | undefined
  until?: number | undefined
}

export interface FilingList {
  /** @returns one page, newest first, and how many there are on all of them */
  page(filter: ListFilter, which: { number: number; size: number }): Promise<{ entries: FilingEntry[]; total: number }>
  /** @returns how many in each state, whatever state the filter names */
  counts(filter: ListFilter): Promise<Map<FilingState, number>>
  /** @returns undefined too for one of another's box */
  find(id: string, boxes: ListFilter['boxes']): Promise<FilingEntry | undefined>
  /** @returns the reasons and types that occur */
  choices(boxes: ListFilter['boxes']): Promise<{ reasons: string[]; types: string[] }>
}

export function openFilingList(db: Database): FilingList {
  return {
    async page(filter, { number, size }) {
      const all = chosen(filter)
      const [rows, [count]] = await Promise.all([
        db.run(
          shown(all)
            .orderBy('filing.created_at', 'desc')
            .orderBy('filing.id')
            .limit(size)
            .offset((number - 1) * size),
        ),
        db.run(all.select(({ fn }) => fn.countAll().as('total'))),
      ])
      return { entries: rows.map(entryOf), total: Number(count?.total ?? 0) }
    },

    async counts(filter) {
      const rows = await db.run(
        chosen({ ...filter, state: undefined })
          .select(['filing.state', ({ fn }) => fn.countAll().as('total')])
          .groupBy('filing.state'),
      )
      return new Map(rows.map(({ state, total }) => [state, Number(total)]))
    },

    async find(id, boxes) {
      const [row] = await db.run(shown(chosen({ boxes })).where('filing.id', '=', id))
      return row && entryOf(row)
    },

    async choices(boxes) {
      const [reasons, types] = await Promise.all([
        db.run(chosen({ boxes }).select('filing.reasons').distinct()),
        db.run(chosen({ boxes }).select('filing.type').distinct().where('filing.type', 'is not', null)),
      ])
      return {
        reasons: [...new Set(reasons.flatMap(row => parse(row.reasons)))].sort(),
        types: types.flatMap(({ type }) => type ?? []).sort(),
      }
    },
  }
}

/** The filings that a filter lets through, with the message of each. */
export function chosen({ boxes, state, reason, type, box, from, until }: ListFilter) {
  let query = bridge.selectFrom('filing').innerJoin('inbox', 'inbox.message_id', 'filing.message_id')
  if (boxes) query = boxes.length > 0 ? query.where('inbox.box', 'in', boxes) : query.where(sql<boolean>`1 = 0`)
  if (state) query = query.where('filing.state', '=', state)
  // Reason codes are words of ours: none holds what LIKE reads otherwise.
  if (reason !== undefined)
    query = /^[a-z0-9-]+$/.test(reason) ? query.where('filing.reasons', 'like', `%"${reason}"%`) : query.where(sql<boolean>`1 = 0`)
  if (type !== undefined) query = query.where('filing.type', '=', type)
  if (box !== undefined) query = query.where('inbox.box', '=', box)
  if (from !== undefined) query = query.where('filing.created_at', '>=', from)
  if (until !== undefined) query = query.where('filing.created_at', '<', until)
  return query
}

function shown(query: ReturnType<typeof chosen>) {
  return query
    .select(VIEW_COLUMNS.map(column => `filing.${column}` as const))
    .select(['filing.sha256', 'inbox.box', 'inbox.state as inbox_state'])
}

type Row = Awaited<ReturnType<ReturnType<typeof shown>['execute']>>[number]

function entryOf(row: Row): FilingEntry {
  return { ...viewOf(row), sha256: row.sha256, box: row.box, hasBytes: row.inbox_state !== 'released' }
}
