import { type Anchors, trustOf } from './anchors.ts'
import { judgeCertificate } from './chain.ts'
import { CmsFault } from './cms/fault.ts'
import { derOf } from './cms/holder.ts'
import { prepared } from './ocsp.ts'
import type { PeerVerdict } from './verdict.ts'

/**
 * Whether mail may be encrypted to a certificate at that instant. A responder is asked first, where one is needed.
 * @param certificate PEM or DER
 * @returns a verdict; never throws for what a certificate can be
 */
export async function judgeRecipient(certificate: Buffer | string, anchors: Anchors, at: Date): Promise<PeerVerdict> {
  const der = derOf(certificate)
  await prepared(anchors, der, at)
  return judgeCertificate(der, trustOf(anchors), 'encryption', at)
}

/** A certificate that was judged and accepted, on its way to a thread of ours. What is inside is for this room only. */
export interface PackedRecipient {
  readonly recipient: unknown
}

/**
 * A judged certificate as `postMessage` and a pool's task take it. A thread knows neither our lists nor what a responder has answered: judging is done
 * where they are, and encrypting where there is time.
 * @throws CmsFault `recipient` when it is not accepted
 */
export async function packRecipient(certificate: Buffer | string, anchors: Anchors, at: Date): Promise<PackedRecipient> {
  const verdict = await judgeRecipient(certificate, anchors, at)
  if (verdict.kind === 'refused') throw new CmsFault('recipient', `a recipient's ${verdict.detail}`, { verdict: verdict.why })
  return { recipient: derOf(certificate) }
}

/** In the thread: the certificate, DER, that {@link packRecipient} has judged. */
export function unpackRecipient({ recipient }: PackedRecipient): Buffer {
  if (!(recipient instanceof Uint8Array)) throw new Error('not a recipient that packRecipient returned')
  return Buffer.from(recipient.buffer, recipient.byteOffset, recipient.byteLength)
}
