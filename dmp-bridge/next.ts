import type { Breaker } from './breaker.ts'
import type { BridgeLog } from './bridge-log.ts'
import type { Dmp, DmpFailure } from './dmp.ts'
import type { CdaFacts, FoundDocument, Ins } from './facts.ts'
import type { FilingReason } from './filing-reasons.ts'
import type { FilingRow, FilingState } from './filing-tables.ts'
import { parse } from './filing-view.ts'
import type { Filings } from './filings/index.ts'
import type { Oppositions } from './oppositions.ts'
import type { Patients } from './patients.ts'
import type { Sender } from './policy.ts'
import type { ReaderTools } from './reader.ts'
import type { Timing } from './timing.ts'
import type { WrappingTools } from './wrap/wrapped-for.ts'

export interface FilerTools extends Omit<ReaderTools, 'note' | 'dmpConfigured'>, WrappingTools {
  dmp: Dmp | undefined
  patients: Patients
  oppositions: Pick<Oppositions, 'of'>
  /** whether the box still declares that it informs its patients and records oppositions (decision 7) */
  isDeclared(address: string): Promise<boolean>
  breaker: Breaker
  timing: Timing
  filings: Filings
  log: BridgeLog
}

/** What becomes of a filing after one attempt; `sent` when the DMP was asked to take the document. */
export type Next =
  | { to: Exclude<FilingState, 'pending' | 'ignored'>; reasons: FilingReason[]; code?: string; sent: boolean }
  | { to: 'pending'; code: string; doubts: number }
  /** the set that it was in was not taken: it goes by itself; `unsure` when the set may have been filed all the same */
  | { to: 'alone'; code: string; unsure: boolean }
  /** it does not go with the others of its message: it waits for the next turn */
  | { to: 'later' }
  /** somebody else moved it meanwhile: nothing was sent, and the row is theirs */
  | { to: 'theirs' }

/** A filing and what becomes of it. */
export type Result = [filing: FilingRow, next: Next]

/** A document that was judged once more and may go. */
export interface Ready {
  filing: FilingRow
  uniqueId: string
  document: FoundDocument
  cda: CdaFacts
  ins: Ins
  /** in whose name it is filed */
  sender: Sender
}

export function held(...reasons: FilingReason[]): Next {
  return { to: 'held', reasons, sent: false }
}

/** The DMP answered a question about one patient with an entry of another. */
export function ofAnother(tools: FilerTools): Next {
  tools.breaker.answered()
  return held('entry-of-another-patient')
}

export function filed({ code }: { code?: string }, tools: FilerTools): Next {
  tools.breaker.answered()
  return { to: 'filed', reasons: [], sent: true, ...(code === undefined ? {} : { code }) }
}

/** One exchange counts once for the breaker, however many documents it was about. */
export function noteFailure(failure: DmpFailure, tools: Pick<FilerTools, 'breaker' | 'log' | 'now'>): void {
  const { breaker, log, now } = tools
  if (failure.kind === 'retry') {
    breaker.failed(now(), failure.misconfigured)
    log.dmpTrouble(failure.code, failure.misconfigured, breaker.isOpen)
  } else breaker.answered()
}

export function afterFailure({ filing }: Ready, failure: DmpFailure, tools: FilerTools, sent: boolean): Next {
  const { code } = failure
  if (failure.kind === 'retry') {
    const givesUp = tools.now() - filing.due_at >= tools.timing.giveUpMs
    return givesUp ? { to: 'held', reasons: ['dmp-unreachable'], code, sent } : { to: 'pending', code, doubts: filing.doubts }
  }
  if (failure.kind === 'refused') return { to: 'refused', reasons: [failure.why], code, sent }
  return filing.doubts > 0 ? { to: 'refused', reasons: ['ambiguous'], code, sent } : { to: 'pending', code, doubts: filing.doubts + 1 }
}

/** @returns why the patient's documents are not filed now */
export async function oppositionTo(ins: Ins, { oppositions }: Pick<FilerTools, 'oppositions'>): Promise<FilingReason | undefined> {
  const said = await oppositions.of(ins.matricule)
  if (said === undefined || said === 'INO') return undefined // a box that files has declared that silence means no opposition (decision 7)
  if (said === 'IO') return 'opposed'
  return said === 'NA' ? 'opposition-not-asked' : 'oppositions-unreadable' // whatever else stands there is no leave to file
}

/**
 * What patient and box say at the last moment: since a document was judged, the DMP was asked about him and the request was made.
 * @returns why it does not go any more
 */
export async function stoppedMeanwhile({ filing, ins, sender }: Ready, tools: FilerTools): Promise<Next | undefined> {
  const opposition = await oppositionTo(ins, tools)
  if (opposition) return held(opposition)
  return parse(filing.overruled).includes('not-declared') || (await tools.isDeclared(sender.address)) ? undefined : held('not-declared')
}
