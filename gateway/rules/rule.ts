import { Refusal, type RefusalReason } from '../refusals.ts'

export type Awaitable<T> = T | Promise<T>

/** What a rule says of one case. `skip`: it has nothing to say of it. `because`: the fact that it rests on, for `pli explain`. */
export type Verdict =
  | { readonly outcome: 'pass' | 'skip'; readonly because?: string | undefined }
  | {
      readonly outcome: 'refuse'
      readonly reason: RefusalReason
      /** Repairs: goes into the reply. */
      readonly detail?: string | undefined
      readonly because?: string | undefined
      /** A fault of ours behind a refusal for now; for the log, never for the reply. */
      readonly cause?: unknown
    }

/**
 * One rule at the edge. Rules run in the order of their list, each on the same case; what an earlier one found out (the parsed address, the
 * box) is in the case for the later ones. A rule whose question has no sense for the case, or was settled by an earlier refusal, skips.
 */
export interface Rule<Case> {
  readonly name: string
  /** May answer at once: the ordinary letter waits for nothing that it does not need. */
  check(this: void, given: Case): Awaitable<Verdict>
}

/** What a rule said, by name. */
export type Outcome = { readonly rule: string } & Verdict
export type RefusedOutcome = Extract<Outcome, { outcome: 'refuse' }>

export const PASS: Verdict = { outcome: 'pass' }
export const SKIP: Verdict = { outcome: 'skip' }

export function pass(because: string): Verdict {
  return { outcome: 'pass', because }
}

export function refuse(reason: RefusalReason, detail?: string, cause?: unknown): Verdict {
  return { outcome: 'refuse', reason, ...(detail === undefined ? {} : { detail }), ...(cause === undefined ? {} : { cause }) }
}

/** @returns what was asked, or the verdict that it can't be known now: a check that can't be made is a no */
export async function known<T>(asking: Promise<T>): Promise<{ value: T } | { unknown: Verdict }> {
  try {
    return { value: await asking }
  } catch (cause) {
    return { unknown: refuse('directoryUnavailable', undefined, cause) }
  }
}

/** The SMTP dialogue: stops at the first refusal. @returns it, or undefined when every rule lets the case through */
export async function firstRefusal<Case>(rules: readonly Rule<Case>[], given: Case): Promise<RefusedOutcome | undefined> {
  for (const { name, check } of rules) {
    const said = judged(check, given)
    const verdict = said instanceof Promise ? await said : said
    if (verdict.outcome === 'refuse') return { rule: name, ...verdict }
  }
  return undefined
}

/** `pli explain`: every rule, also those after a refusal. */
export async function everyOutcome<Case>(rules: readonly Rule<Case>[], given: Case): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { name, check } of rules) outcomes.push({ rule: name, ...(await judged(check, given)) })
  return outcomes
}

/** A rule that asks what throws a Refusal of its own says the same. */
function judged<Case>(check: Rule<Case>['check'], given: Case): Awaitable<Verdict> {
  try {
    const said = check(given)
    return said instanceof Promise ? said.catch(refusedBy) : said
  } catch (error) {
    return refusedBy(error)
  }
}

function refusedBy(error: unknown): Verdict {
  if (error instanceof Refusal) return refuse(error.reason, error.detail, error.cause)
  throw error
}

/** What the decision rested on, kept in the trace. */
export interface Basis {
  /** Version of the directory, as text. */
  directory?: string | undefined
  /** When the white list in use was generated. */
  whiteList?: string | undefined
}

/** @returns the refusal to throw */
export function refusalOf({ rule, reason, detail, cause }: RefusedOutcome, basis: Basis): Refusal {
  return new Refusal(reason, detail, { ...(cause === undefined ? {} : { cause }), decided: { rule, ...basis } })
}
