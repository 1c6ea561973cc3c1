import { domainOf } from '../address.ts'
import type { Verdict } from './verdict.ts'

/** RFC 3183 §4: to whom a whole domain is encrypted. */
export const CONFIDENTIALITY_AUTHORITY = 'domain-confidentiality-authority'

/** A certificate that mail to an address or to a domain may be encrypted to. */
export interface LearntCertificate {
  subject: string
  pem: string
}

/**
 * What the signatures of a mail teach: the certificates that name its author, or the confidentiality authority of his domain, and may be encrypted to.
 * Of a mail whose signatures do not all hold, nothing.
 * @param from the author; the caller has checked that his operator handed the mail in
 */
export function learntFrom({ result, signers }: Verdict, from: string): LearntCertificate[] {
  if (result !== 'pass') return []
  const domain = domainOf(from)
  return signers.flatMap(({ emails, certificatePem: pem, mayBeEncryptedTo }) => {
    if (!mayBeEncryptedTo) return []
    const box = emails.includes(from) ? [{ subject: from, pem }] : []
    const all = emails.includes(`${CONFIDENTIALITY_AUTHORITY}@${domain}`) ? [{ subject: domain, pem }] : []
    return [...box, ...all]
  })
}
