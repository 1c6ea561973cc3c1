import { X509Certificate } from 'node:crypto'
import { checkServerIdentity } from 'node:tls'
import { type Anchors, trustOf } from './anchors.ts'
import { parseCertificate } from './certificate.ts'
import { judgeCertificate } from './chain.ts'
import { emailsOf } from './cms/holder.ts'
import type { Identity } from './identity.ts'
import { type Usage, usageFault } from './usage.ts'
import type { Refused } from './verdict.ts'

/**
 * What others would say against a certificate of ours, by the very rules by which we judge theirs. Revocation that is not known is no fault here: whom it
 * is shown to looks into lists of his own.
 * @param options.anchors authorities that the others know; without them the chain is left to them
 * @param options.at the instant to judge at
 * @returns every fault; none when it would be accepted
 */
export function faultsOfOwn({ certificatePem }: Identity, usage: Usage, options: { anchors: Anchors | undefined; at: Date }): Refused[] {
  const certificate = parseCertificate(certificatePem)
  const { anchors, at } = options
  const misuse = usageFault(certificate, usage)
  const verdict = anchors && judgeCertificate(certificate.x509.raw, trustOf(anchors), usage, at)
  const isSaid = verdict?.kind !== 'refused' || verdict.why === 'revocation-unknown' || verdict.detail === misuse?.detail
  return [...(misuse ? [misuse] : []), ...(isSaid ? [] : [verdict])]
}

/** By which names a certificate of ours is known: what a TLS client makes of a host name (RFC 9525), and the mail addresses that it says, lower case. */
export function ownNames({ certificatePem }: Identity): { isHost(name: string): boolean; emails: string[] } {
  const certificate = new X509Certificate(certificatePem)
  return {
    isHost: name => checkServerIdentity(name, certificate.toLegacyObject()) === undefined,
    emails: emailsOf(certificate),
  }
}
