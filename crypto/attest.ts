import { ID_DATA, ID_SIGNED_DATA } from './cms/algorithms.ts'
import { Signatures } from './cms/sign.ts'
import { inContext, octetString, oid, sequence, value } from './cms/write.ts'
import type { Identity } from './identity.ts'

/**
 * Signs a small text and carries it along (RFC 5652 §5), in definite lengths throughout: what is attested is stored, hashed and stamped as octets.
 * @param options.at the signing time
 * @returns a SignedData, DER: `openssl cms -verify -inform DER` shows the text
 * @throws Error when the certificate is not valid at that time: nobody would accept what it signs
 */
export function signText(text: string, { identity, at }: { identity: Identity; at: Date }): Buffer {
  const { notBefore, notAfter } = identity.facts
  if (at < notBefore || at > notAfter)
    throw new Error(`the certificate that signs is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()} only`)
  const content = Buffer.from(text)
  const signatures = new Signatures({ by: [{ identity }], at })
  signatures.update(content)
  const { before, after } = signatures.finish()
  const carried = sequence(oid(ID_DATA), value(inContext(0), octetString(content)))
  return sequence(oid(ID_SIGNED_DATA), value(inContext(0), sequence(before, carried, after)))
}
