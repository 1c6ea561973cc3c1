import { type DecideOptions, decide, type Policy, type Sender, type Verdict } from './decide.ts'
import type { FoundDocument, Recognition } from './facts.ts'
import type { InboxRow } from './filing-tables.ts'

/** @returns who may file what a message holds: the box that sent it, or each of our boxes that received it */
export function sendersOf(message: Pick<InboxRow, 'sender'>): [Sender, ...Sender[]] {
  const { others = [], ...first } = JSON.parse(message.sender) as Sender
  return [first, ...others]
}

/**
 * Judges a document for each box that may file it; the first for which nothing stands against it files it, so that a letter to several of our boxes
 * is filed once.
 * @param overruled reasons that a human has answered for
 * @returns the box that files, or the first one with its reasons
 */
export function decideFor(
  senders: readonly [Sender, ...Sender[]],
  document: FoundDocument,
  message: Recognition,
  policy: Policy,
  options: DecideOptions,
  overruled: readonly string[] = [],
): { sender: Sender; verdict: Verdict } {
  const judged = senders.map(sender => ({ sender, verdict: decide(document, message, sender, policy, options) }))
  const files = judged.find(({ verdict }) => verdict.action === 'file' || verdict.reasons.every(reason => overruled.includes(reason)))
  return files ?? (judged[0] as (typeof judged)[number])
}
