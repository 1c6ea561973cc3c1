import type { FoundDocument, Recognition } from '../facts.ts'
import type { FilingReason } from '../filing-reasons.ts'
import type { FilingRow } from '../filing-tables.ts'
import type { Policy, Sender } from '../policy.ts'
import type { Descriptions } from './descriptions.ts'
import { judgeCandidate } from './judge.ts'
import { type Wrapped, wrap } from './wrap.ts'

export interface WrappingTools {
  descriptions: Pick<Descriptions, 'read' | 'isSame' | 'isOfAnother'>
  /** reads one file as a message's would be read */
  recogniseFile(name: string, bytes: Uint8Array): Promise<Recognition>
}

/**
 * The document of a filing as it is to be judged: a file that a human has described is wrapped, the same bytes each time; any other document is
 * itself. Who files asks here before he decides.
 * @param about.sender as he is now
 * @returns the reasons to hold it when it can't be wrapped
 */
export async function wrappedFor(
  filing: Pick<FilingRow, 'id' | 'message_id' | 'unique_id'>,
  document: FoundDocument,
  about: { recognition: Recognition; sender: Sender; writtenAt: number },
  tools: WrappingTools & { policy: Policy },
): Promise<Wrapped | { reasons: FilingReason[] }> {
  const { recognition, sender, writtenAt } = about
  if (!document.candidate) return { document, recognition }
  const said = filing.unique_id === null ? undefined : await tools.descriptions.read(filing.id)
  if (!said || filing.unique_id === null) {
    const verdict = judgeCandidate(document, recognition, sender, tools.policy)
    return { reasons: verdict.action === 'file' ? ['needs-identity'] : verdict.reasons }
  }
  if (await tools.descriptions.isOfAnother(filing, said.description)) return { reasons: ['two-patients'] }
  const wrapped = await wrap({
    ...{ document, recognition, sender, writtenAt, description: said.description, uniqueId: filing.unique_id, policy: tools.policy },
    read: (name, bytes) => tools.recogniseFile(name, bytes),
  })
  if ('reasons' in wrapped) return wrapped
  return (await tools.descriptions.isSame(filing.id, wrapped.document.sha256)) ? wrapped : { reasons: ['bytes-changed'] }
}
