import { createIdentity, formatName, type Identity, signEnveloped, signSubmissionSet } from '../../../crypto/index.ts'
import type { Policy, Sender } from '../../../dmp-bridge/decide.ts'
import type { RequestContext, Signers } from '../../../dmp-bridge/envelope.ts'
import type { Software } from '../../../dmp-bridge/vihf.ts'
import { createPki, type Pki } from '../../world/pki.ts'
import { ids, policy, sender } from './samples.ts'

export const software: Software = {
  name: 'Pli & Cie',
  version: '0.1.0',
  lpsId: '1.2.3',
  homologation: 'TEST-0001',
  model: 'Passerelle « é »',
  service: 'dépôt',
}

export function signersOf(identity: Identity): Signers {
  const idOf = (xml: string) => /\sID="([^"]+)"/.exec(xml)?.[1] ?? ''
  return {
    issuerDn: formatName(identity.facts.subject),
    signVihf: xml => signEnveloped(xml, { identity, referenceId: idOf(xml), where: { afterChild: 'Issuer' } }),
    signSubmissionSet: input => signSubmissionSet({ identity, ...input }),
  }
}

/** Signature certificate of the fictional practice, from a fictional IGC. */
export async function signing(now: Date, structure = policy.structure): Promise<{ pki: Pki; signers: Signers }> {
  const pki = await createPki({ now })
  const issued = await pki.issue({ kind: 'signature', commonName: 'pli.test', organization: 'Cabinet Fictif & fils', structure })
  const identity = createIdentity({ certificatePem: issued.certificatePem + pki.authorities[1], keyPem: issued.keyPem })
  return { pki, signers: signersOf(identity) }
}

export function contextOf(
  signers: Signers,
  now: Date,
  change: Partial<{ sender: Sender; policy: Policy; endpoint: string; newId: () => string; replaces: string }> = {},
): RequestContext {
  return { sender, policy, software, endpoint: 'https://dmp.test/repository', signers, now, newId: ids(), ...change }
}
