import type { Inspection } from '../../dmp-bridge/index.ts'
import type { Timeline } from '../../gateway/timeline.ts'

/** What became of the documents of one message, in words that compare: `held: replacement`, one for each document and each kind of ignored part. */
export function outcomeOf({ filings, lines }: Timeline): string {
  const documents = filings.toSorted((a, b) => a.place - b.place).map(({ state, reasons }) => words(state, reasons))
  const parts = lines.filter(({ what }) => what === 'filing-part-ignored').map(({ detail }) => words('ignored', [detail.reason ?? '']))
  return join(documents, parts)
}

/** The same words from `pli dmp inspect`, which knows the file and the sender, and nothing of earlier filings. */
export function expectedOutcome({ documents, ignored }: Inspection): string {
  const states = { file: 'filed', hold: 'held', ignore: 'ignored' } as const
  return join(
    documents.map(({ decision, reasons, document }) =>
      // Only the DMP knows whether it has the parent; this one has none of them.
      decision === 'file' && document?.replaces !== undefined
        ? words('held', ['replaced-unknown'])
        : words(
            states[decision],
            reasons.map(({ reason }) => reason),
          ),
    ),
    ignored.filter(({ reason }) => reason !== 'technical').map(({ reason }) => words('ignored', [reason])),
  )
}

/** @returns how often each outcome occurs, as lines for people */
export function countOf(outcomes: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  const rows = [...counts].sort(([a, m], [b, n]) => (a === 'filed' ? -1 : b === 'filed' ? 1 : n - m || (a < b ? -1 : 1)))
  return rows.map(([outcome, count]) => `${String(count).padStart(4)}  ${outcome}`).join('\n')
}

function words(state: string, reasons: readonly string[]): string {
  return reasons.length > 0 ? `${state}: ${reasons.toSorted().join(', ')}` : state
}

function join(documents: readonly string[], parts: readonly string[]): string {
  return [...documents, ...new Set(parts)].join('; ') || 'nothing'
}
