import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../config/paths.ts'
import type { DmpAnswer, DmpFailure, DmpOutcome } from './dmp.ts'

/** What a code means for the filing. The table is data, since its official list (annexe A7-1) isn't public and moves. */
const MEANINGS = ['retry', 'already-filed', 'human-content', 'human-patient', 'defect', 'misconfigured', 'ambiguous'] as const
type Meaning = (typeof MEANINGS)[number] | 'unknown'

const table = z
  .object({ source: z.string(), codes: z.record(z.string(), z.enum(MEANINGS)) })
  .parse(JSON.parse(readFileSync(join(packageRoot, 'dmp-bridge/tables/dmp-errors.json'), 'utf8')))
const codes = new Map<string, Meaning>(Object.entries(table.codes))

/**
 * One answer may hold several codes. The first meaning of this list that is present decides: what needs a human is never
 * covered by what a machine could do, and a duplicate explains the general errors that come with it.
 */
const GRAVEST_FIRST: readonly Meaning[] = [
  'unknown',
  'human-patient',
  'human-content',
  'misconfigured',
  'defect',
  'already-filed',
  'retry',
  'ambiguous',
]

/** @returns what the error table says of a code; a code that it doesn't hold is `unknown` and goes to a human */
export function meaningOf(code: string): Meaning {
  return codes.get(code) ?? 'unknown'
}

/** @returns what to do with a filing after this answer (the policy of errors: `tables/dmp-errors.json`) */
export function judge(answer: DmpAnswer): DmpOutcome {
  switch (answer.kind) {
    case 'accepted':
      return { kind: 'filed' }
    case 'errors':
      return judgeCodes(answer.codes)
    case 'fault':
      return judgeFault(answer)
    case 'http':
      return judgeHttp(answer.status)
    case 'unreachable':
      return { kind: 'retry', code: plain(answer.code), misconfigured: false }
    case 'contradictory':
      return { kind: 'ambiguous', code: 'contradictory-answer' }
    case 'unreadable':
      return judgeCodes(['unreadable-answer'])
  }
}

/** The same for a question (TD0.2, TD3.1b): an answer without a result, or one that speaks of duplicates, tells nothing. */
export function judgeFailure(answer: DmpAnswer): DmpFailure {
  const outcome = judge(answer)
  return outcome.kind === 'filed' ? { kind: 'ambiguous', code: outcome.code ?? 'no-result' } : outcome
}

function judgeCodes(found: readonly string[]): DmpOutcome {
  for (const meaning of GRAVEST_FIRST) {
    const code = found.find(each => meaningOf(each) === meaning)
    if (code !== undefined) return outcomeOf(meaning, plain(code))
  }
  return outcomeOf(meaningOf('unreadable-answer'), 'unreadable-answer') // a failure that names no cause
}

function outcomeOf(meaning: Meaning, code: string): DmpOutcome {
  switch (meaning) {
    case 'already-filed':
      return { kind: 'filed', code }
    case 'retry':
      return { kind: 'retry', code, misconfigured: false }
    case 'misconfigured':
      return { kind: 'retry', code, misconfigured: true }
    case 'ambiguous':
      return { kind: 'ambiguous', code }
    default:
      return { kind: 'refused', code, why: meaning }
  }
}

/** A fault of the receiver says that the same message may succeed later (SOAP 1.2 part 1 §5.4.6); one with a code of its own is judged by that. */
function judgeFault(fault: Extract<DmpAnswer, { kind: 'fault' }>): DmpOutcome {
  if (fault.code !== undefined) return judgeCodes([fault.code])
  return fault.role === 'receiver' ? { kind: 'retry', code: 'soap-receiver', misconfigured: false } : judgeCodes([`soap-${fault.role}`])
}

/** Only an answer without a SOAP message comes here. */
function judgeHttp(status: number): DmpOutcome {
  const code = `http-${status}`
  if (status >= 500 || status === 408 || status === 429) return { kind: 'retry', code, misconfigured: false }
  if (status === 413) return { kind: 'refused', code, why: 'human-content' } // too large: this document, not the next
  // A redirect, a refused certificate or a wrong path is our set-up: the documents wait for its repair.
  if (status < 400 || [401, 403, 404, 405, 407].includes(status)) return { kind: 'retry', code, misconfigured: true }
  return { kind: 'refused', code, why: 'defect' }
}

/** Codes are kept in rows and logs: a peer's text that isn't shaped like a code, or might hold a patient's number, stays out of them. */
function plain(code: string): string {
  return /^[\w.:-]{1,64}$/.test(code) && !/(\d[.:_-]?){9}/.test(code) ? code : 'unnamed-code'
}
