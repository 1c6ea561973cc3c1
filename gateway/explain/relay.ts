import { outermostLayer } from '../../crypto/index.ts'
import { domainOf } from '../address.ts'
import type { Choice } from '../protection/index.ts'
import type { Judged } from './line.ts'
import { type ExplainParts, type ExplainRequest, isMail, readable } from './request.ts'

/** What is refused here was accepted before: the sender gets a report. */
export async function encryptionLine({ policy, planner }: ExplainParts, { sender, recipient, file }: ExplainRequest): Promise<Judged[]> {
  const address = readable(recipient)
  if (address === undefined || policy.isOurs(domainOf(address))) return []
  const isEncrypted = file !== undefined && isMail(file) && (await outermostLayer(file.bytes)) === 'encrypted'
  const choice = await planner.plan(address, { isReport: sender === '', isEncrypted })
  const said = `policy ${planner.policyOf(domainOf(address))}: ${wordsOf(choice)}`
  const line = { step: 'relay', rule: 'encryption', because: said } as const
  if (choice.kind === 'refuse') return [{ ...line, outcome: 'refuse', reason: 'encryptionImpossible' }]
  if (choice.kind === 'wait') return [{ ...line, outcome: 'refuse', reason: 'encryptionUncheckable' }]
  return [{ ...line, outcome: choice.kind === 'plain' ? 'skip' : 'pass' }]
}

function wordsOf(choice: Choice): string {
  switch (choice.kind) {
    case 'encrypt':
      return `signed and encrypted to the ${choice.to}, certificate ${choice.certificate.fingerprint}`
    case 'as-is':
      return 'its author has encrypted it'
    case 'plain':
      return `over mutual TLS alone: ${choice.because}`
    case 'wait':
      return `accepted, and not sent before it is known: ${choice.because}`
    case 'refuse':
      return `accepted, and given back with a report, since it must be encrypted: ${choice.because}`
  }
}
