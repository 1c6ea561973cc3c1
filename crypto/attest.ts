import { ID_DATA, ID_SIGNED_DATA } from './cms/algorithms.ts'
import { Signatures } from './cms/sign.ts'
import { inContext, octetString, oid, sequence, setOf, value } from './cms/write.ts'
import { elements, onlyElement } from './der.ts'
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

const TIME_STAMP_TOKEN = '1.2.840.113549.1.9.16.2.14'

/** @returns the signature value of what {@link signText} made: what a time stamp is asked for (RFC 3161 appendix A) */
export function signatureValueOf(cms: Buffer): Buffer {
  return partsOf(cms).info.at(-1)!.inside
}

/**
 * @param cms what {@link signText} made
 * @param token a time stamp of its signature value, DER
 * @returns the same with the token as an unsigned attribute of the signature (RFC 3161 appendix A, the signature time stamp of CAdES)
 */
export function withTimeStamp(cms: Buffer, token: Buffer): Buffer {
  const { type, fields, info } = partsOf(cms)
  const unsigned = value(inContext(1), sequence(oid(TIME_STAMP_TOKEN), setOf(token)))
  const stamped = setOf(sequence(...info.map(({ whole }) => whole), unsigned))
  return sequence(type, value(inContext(0), sequence(...fields, stamped)))
}

/** The content type, the fields of the SignedData before its signer information, and the fields of that. */
function partsOf(cms: Buffer) {
  const [type, content] = [...elements(onlyElement(cms).inside)]
  const fields = [...elements(onlyElement(content!.inside).inside)].map(({ whole }) => whole)
  const infos = fields.pop()!
  return { type: type!.whole, fields, info: [...elements(onlyElement(onlyElement(infos).inside).inside)] }
}
