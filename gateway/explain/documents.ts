import type { Bal } from '../../directory/index.ts'
import { DEFAULT_LIMITS, type Inspection, inspectFile } from '../../dmp-bridge/index.ts'
import { policyOf, senderOf } from '../filing/index.ts'
import type { Judged } from './line.ts'
import type { ExplainParts, ExplainRequest } from './request.ts'

/** What the bridge would do never refuses the mail: it files, holds for a human, or leaves. */
export async function documentLines(
  { configuration, now, directory }: ExplainParts,
  { name, bytes }: NonNullable<ExplainRequest['file']>,
  box: Bal | undefined,
): Promise<Judged[]> {
  if (!box) return [{ step: 'document', rule: 'filing', outcome: 'skip', because: 'only what our boxes send is filed' }]
  const policy = policyOf(configuration.dmp)
  const seen = await inspectFile(name, bytes, { sender: senderOf(box, directory), policy, limits: DEFAULT_LIMITS, now: new Date(now()) })
  const lines = filingLines(seen)
  return lines.length > 0 ? lines : [{ step: 'document', rule: 'filing', outcome: 'skip', because: 'no document was recognised' }]
}

function filingLines({ documents, faults }: Inspection): Judged[] {
  const whole = faults.map(({ reason, en }): Judged => ({ step: 'document', rule: 'filing', outcome: 'skip', because: `${reason}: ${en}` }))
  const each = documents.map(({ decision, reasons }): Judged => {
    const why = reasons.map(({ reason, en }) => `${reason}: ${en}`).join('; ')
    const because = why === '' ? decision : `${decision}, ${why}`
    return { step: 'document', rule: 'filing', outcome: decision === 'file' ? 'pass' : 'skip', because }
  })
  return [...whole, ...each]
}
