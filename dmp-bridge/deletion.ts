import type { DmpContext, DmpFailure } from './dmp.ts'
import type { Ins } from './facts.ts'
import { conclude } from './filer.ts'
import type { FilingRow } from './filing-tables.ts'
import { type FilerTools, type Next, noteFailure } from './next.ts'
import type { Sender } from './policy.ts'
import { openPatient } from './sealed-patient.ts'
import { sendersOf } from './senders.ts'
import { mayWrap } from './wrap/judge.ts'

export interface DeletionTools extends FilerTools {
  /** key under which the patients of deletions are sealed */
  secret: Buffer | undefined
}

/**
 * One attempt at TD3.3c for one claimed document: TD3.1b for the entry that it has today, then its status to Deleted. What does not succeed
 * leaves the document where it is, `filed`, with the code. An attempt whose end is unknown is cleared up by the next TD3.1b.
 */
export async function deleteOne(filing: FilingRow, tools: DeletionTools): Promise<void> {
  await conclude(filing, await attempt(filing, tools), tools)
}

async function attempt(filing: FilingRow, tools: DeletionTools): Promise<Next> {
  const { dmp, filings, breaker } = tools
  const message = await filings.message(filing.message_id)
  if (!dmp || !message || filing.unique_id === null) return notDeleted('no-dmp-configured')
  const [sender] = sendersOf(message)
  const ins = await patientOf(filing, sender, tools)
  if (!ins) return notDeleted('patient-unknown')
  const context: DmpContext = { sender, policy: tools.policy, now: new Date(tools.now()), newId: tools.newId }
  const entry = await dmp.findByUniqueId(filing.unique_id, ins, context)
  if (entry.kind === 'absent' || entry.kind === 'of-another-patient') {
    breaker.answered()
    if (entry.kind === 'absent' && (entry.deleted || filing.doubts > 0)) return { to: 'deleted', reasons: [], sent: false }
    return notDeleted(entry.kind === 'absent' ? 'not-in-dmp' : entry.kind)
  }
  if (entry.kind !== 'found') return afterFailure(filing, filing.doubts, entry, tools)
  if (!(await filings.beginDeletion(filing))) return { to: 'theirs' }
  const target = { entryUuid: entry.entryUuid, ins, structure: filing.deposited_as ?? tools.policy.structure }
  const started = performance.now()
  const outcome = await dmp.delete(target, context)
  const code = outcome.kind === 'deleted' ? undefined : outcome.code
  tools.log.attempted(filing.id, outcome.kind, code, Math.round(performance.now() - started))
  if (outcome.kind !== 'deleted') return afterFailure(filing, filing.doubts + 1, outcome, tools)
  breaker.answered()
  return { to: 'deleted', reasons: [], sent: true }
}

/** As the order named him, else as the document does while its bytes are kept. */
async function patientOf(filing: FilingRow, sender: Sender, tools: DeletionTools): Promise<Ins | undefined> {
  const sealed = await tools.filings.sealedPatient(filing)
  if (sealed !== undefined) return tools.secret && openPatient(sealed, filing.id, tools.secret)
  const { documents } = await tools.recognise(await tools.read(filing.message_id), { candidates: mayWrap(sender) })
  const document = documents[filing.place - 1]
  return document?.sha256 === filing.sha256 ? document.cda?.patient.ins : undefined
}

/** @param doubts how many requests to delete may have succeeded */
function afterFailure(filing: FilingRow, doubts: number, failure: DmpFailure, tools: FilerTools): Next {
  noteFailure(failure, tools)
  const { kind, code } = failure
  const givesUp = kind === 'refused' || (kind === 'ambiguous' && doubts > 1) || tools.now() - filing.due_at >= tools.timing.giveUpMs
  return givesUp ? notDeleted(code) : { to: 'pending', code, doubts }
}

function notDeleted(code: string): Next {
  return { to: 'filed', reasons: ['not-deleted'], code, sent: false }
}
