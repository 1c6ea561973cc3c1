import { formatName, type Identity, signEnveloped, signSubmissionSet } from '../../crypto/index.ts'
import type { Signers } from '../../dmp-bridge/index.ts'

/** The certificate ORG SIGN as the bridge may use it. @param identity asked for at each signature */
export function signersOf(identity: () => Identity): Signers {
  return {
    get issuerDn() {
      return formatName(identity().facts.subject)
    },
    signVihf: xml => signEnveloped(xml, { identity: identity(), referenceId: idOf(xml), where: { afterChild: 'Issuer' } }),
    signSubmissionSet: input => signSubmissionSet({ identity: identity(), ...input }),
  }
}

function idOf(assertion: string): string {
  return /\sID="([^"]+)"/.exec(assertion)?.[1] ?? ''
}
