import type { FilingRow, FilingState } from './filing-tables.ts'

/** A filing as a person sees it: ids, codes and times only. */
export interface FilingView {
  id: string
  messageId: string
  place: number
  uniqueId: string | undefined
  /** typeCode */
  type: string | undefined
  state: FilingState
  reasons: string[]
  code: string | undefined
  attempts: number
  createdAt: number
  nextAttemptAt: number | undefined
  settledAt: number | undefined
}

/** What a view is made of. */
export const VIEW_COLUMNS = [
  'id',
  'message_id',
  'place',
  'unique_id',
  'type',
  'state',
  'reasons',
  'code',
  'attempts',
  'created_at',
  'next_attempt_at',
  'settled_at',
] as const satisfies readonly (keyof FilingRow)[]

type ViewColumn = (typeof VIEW_COLUMNS)[number]

export function viewOf(filing: Pick<FilingRow, ViewColumn>): FilingView {
  return {
    id: filing.id,
    messageId: filing.message_id,
    place: filing.place,
    uniqueId: filing.unique_id ?? undefined,
    type: filing.type ?? undefined,
    state: filing.state,
    reasons: parse(filing.reasons),
    code: filing.code ?? undefined,
    attempts: filing.attempts,
    createdAt: filing.created_at,
    nextAttemptAt: filing.state === 'pending' || filing.state === 'deleting' ? filing.next_attempt_at : undefined,
    settledAt: filing.settled_at ?? undefined,
  }
}

/** @returns the codes of a JSON list that we have written */
export function parse(list: string): string[] {
  return JSON.parse(list) as string[]
}
