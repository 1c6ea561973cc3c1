import type { NoticedDocument } from './receipts/index.ts'

/** What a box wants to hear. */
export interface NoticeWishes {
  which: 'all' | 'problems'
  /** It is sent a link while its documents wait for their time. */
  holdLink: boolean
}

/** Nothing was promised: the box files nothing, its operator has no DMP, or the file (a PDF) is none that goes by itself. It shows in the console. */
const NEVER_MEANT = ['not-declared', 'no-dmp-configured', 'needs-identity']

/**
 * Whether a sender is to be told what has become of a message's documents. Pure.
 * @param before what he was told last
 */
export function isNews(
  documents: readonly NoticedDocument[],
  before: readonly NoticedDocument[] | undefined,
  wishes: NoticeWishes,
): boolean {
  const now = before === undefined ? documents.filter(isMeant) : documents
  const hasProblem = now.some(isProblem) && textOf(now.filter(isProblem)) !== textOf((before ?? []).filter(isProblem))
  const waiting = now.filter(({ state }) => state === 'pending' || state === 'deleting')
  if (waiting.length > 0) {
    const first = before === undefined && waiting.some(({ at }) => at !== undefined)
    // A DMP that is away for days delays no bad news.
    return (first && wishes.holdLink) || (hasProblem && waiting.every(({ at }) => at === undefined))
  }
  if (now.every(({ state }) => state === 'ignored')) return false
  if (textOf(documents) === textOf(before ?? [])) return false
  return wishes.which === 'all' || hasProblem || (before ?? []).some(isProblem)
}

function isMeant({ state, reasons }: NoticedDocument): boolean {
  return state !== 'held' || !reasons.some(reason => NEVER_MEANT.includes(reason))
}

function isProblem({ state }: NoticedDocument): boolean {
  return state === 'held' || state === 'refused'
}

function textOf(documents: readonly NoticedDocument[]): string {
  return JSON.stringify(documents)
}
