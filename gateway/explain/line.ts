import type { ContentFault } from '../content-guard.ts'
import { Refusal } from '../refusals.ts'
import type { Outcome } from '../rules/rule.ts'

export type Step = 'sign-in' | 'sender' | 'recipient' | 'content' | 'header' | 'relay' | 'document'

/** What one rule says. */
export interface Line {
  step: Step
  rule: string
  outcome: Outcome['outcome']
  reason?: string
  detail?: string
  because?: string
}

/** A line with the refusal that it means, for the answer. */
export type Judged = Line & { refusal?: Refusal | ContentFault }

/** What a list of rules said, with the refusal that the gateway would throw. */
export function linesOf(step: Step, outcomes: readonly Outcome[]): Judged[] {
  return outcomes.map(outcome => {
    const { rule, because } = outcome
    const line: Judged = { step, rule, outcome: outcome.outcome, ...(because === undefined ? {} : { because }) }
    if (outcome.outcome !== 'refuse') return line
    const { reason, detail } = outcome
    return { ...line, reason, ...(detail === undefined ? {} : { detail }), refusal: new Refusal(reason, detail) }
  })
}
