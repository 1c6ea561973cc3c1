import { DEFAULT_LIMITS } from '../../../../dmp-bridge/caps.ts'
import { decide, type Policy, type Sender } from '../../../../dmp-bridge/decide.ts'
import { recogniseMessage } from '../../../../dmp-bridge/recognise.ts'
import { sender, policy as testPolicy } from '../bridge-world.ts'
import type { Built } from './bend.ts'

const STATES = { file: 'filed', hold: 'held', ignore: 'ignored' } as const

/** @returns what recognising and deciding alone make of a message, in the words of a case */
export async function verdictsOf(
  { eml, sender: who }: Pick<Built, 'eml' | 'sender'>,
  now: Date,
  policy: Policy = testPolicy,
): Promise<string[]> {
  const recognition = await recogniseMessage(eml, DEFAULT_LIMITS)
  const from: Sender = { ...sender, ...who }
  if (recognition.documents.length === 0) return recognition.faults.length > 0 ? [['held', ...recognition.faults].join(' ')] : []
  return recognition.documents.map(each => {
    const verdict = decide(each, recognition, from, policy, { now })
    return [STATES[verdict.action], ...(verdict.action === 'file' ? [] : verdict.reasons)].join(' ')
  })
}

/** Of production: no test identity. */
export const production = { ...testPolicy, insOids: ['1.2.250.1.213.1.4.8', '1.2.250.1.213.1.4.9'] }
