import { createHash, createPrivateKey, sign } from 'node:crypto'
import { HASH_OIDS, ID_DATA, ID_SIGNED_DATA } from '../../../crypto/cms/algorithms.ts'
import { derOf, issuerAndSerialOf } from '../../../crypto/cms/holder.ts'
import { algorithm, inContext, integer, octetString, oid, sequence, setOf, time, value } from '../../../crypto/cms/write.ts'
import type { Issued } from '../../world/pki.ts'

/** What a forged signature says. By default all is right; a key may be one of another certificate. */
export interface Forgery {
  attributes?: Buffer[]
  keyPem?: string
  contentType?: string
  signatureAlgorithm?: Buffer
}

export const attribute = (type: string, ...values: Buffer[]) => sequence(oid(type), setOf(...values))
export const contentType = (type = ID_DATA) => attribute('1.2.840.113549.1.9.3', oid(type))
export const messageDigest = (content: Buffer) =>
  attribute('1.2.840.113549.1.9.4', octetString(createHash('sha256').update(content).digest()))
export const signingTime = (at: Date) => attribute('1.2.840.113549.1.9.5', time(at))
export const signingCertificate = (der: Buffer) =>
  attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(octetString(createHash('sha256').update(der).digest())))))

/** A detached SignedData over some content, made of any attributes, really signed with an elliptic curve. */
export function forge(content: Buffer, signer: Issued, forgery: Forgery = {}): Buffer {
  const der = derOf(signer.certificatePem)
  const attributes = setOf(...(forgery.attributes ?? [contentType(), messageDigest(content)]))
  const implicit = Buffer.from(attributes)
  implicit[0] = inContext(0)
  const info = sequence(
    integer(1),
    issuerAndSerialOf(der),
    algorithm(HASH_OIDS.sha256),
    implicit,
    forgery.signatureAlgorithm ?? algorithm('1.2.840.10045.4.3.2'),
    octetString(sign('sha256', attributes, createPrivateKey(forgery.keyPem ?? signer.keyPem))),
  )
  const encapsulated = sequence(oid(forgery.contentType ?? ID_DATA))
  const signed = sequence(integer(1), setOf(algorithm(HASH_OIDS.sha256)), encapsulated, value(inContext(0), der), setOf(info))
  return sequence(oid(ID_SIGNED_DATA), value(inContext(0), signed))
}
