import type { KeyUsageType } from '@peculiar/asn1-x509'
import type { ParsedCertificate } from './certificate.ts'
import { type Refused, refused } from './verdict.ts'

/** What a certificate is shown for. */
export type Usage = 'tls' | 'server' | 'client' | 'signature' | 'encryption' | 'timeStamp'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4'
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const DOCUMENT_SIGNING = '1.3.6.1.5.5.7.3.36' // RFC 9336

/**
 * RFC 5280 §4.2.1.3 and §4.2.1.12. An absent extension allows; a present one must name the use. Operators show the same *server* certificate
 * when they send and when they receive, so a TLS peer may have either purpose; what a TLS server may show, OpenSSL has already checked. Of a certificate
 * of ours no OpenSSL has: `server` is that rule of it.
 */
const RULES: Record<Usage, { keyUsage: KeyUsageType[]; purposes: string[]; words: string }> = {
  tls: { keyUsage: ['digitalSignature'], purposes: [SERVER_AUTH, CLIENT_AUTH], words: 'TLS' },
  server: { keyUsage: ['digitalSignature'], purposes: [SERVER_AUTH], words: 'TLS servers' },
  // Software that submits mail: never with a certificate that is for servers only.
  client: { keyUsage: ['digitalSignature'], purposes: [CLIENT_AUTH], words: 'TLS clients' },
  // The signer of the white list has digitalSignature + nonRepudiation and the purpose emailProtection.
  signature: { keyUsage: ['digitalSignature', 'nonRepudiation'], purposes: [EMAIL_PROTECTION, DOCUMENT_SIGNING], words: 'signatures' },
  encryption: { keyUsage: ['keyEncipherment', 'keyAgreement'], purposes: [EMAIL_PROTECTION], words: 'encryption' },
  timeStamp: { keyUsage: ['digitalSignature', 'nonRepudiation'], purposes: [TIME_STAMPING], words: 'time stamps' },
}

/** @returns why the certificate is not for that use, or undefined */
export function usageFault(certificate: ParsedCertificate, usage: Usage): Refused | undefined {
  const { keyUsage, extendedKeyUsage, isCa, x509 } = certificate
  const rule = RULES[usage]
  // RFC 8550 §4.4.2: how a key is encrypted to depends on its kind.
  const bits = usage !== 'encryption' ? rule.keyUsage : x509.publicKey.asymmetricKeyType === 'ec' ? ['keyAgreement'] : ['keyEncipherment']
  if (isCa) return refused('wrong-usage', 'certificate is one of a certification authority')
  if (keyUsage && !keyUsage.some(bit => bits.includes(bit)))
    return refused('wrong-usage', `certificate's key usage does not allow ${rule.words}`)
  if (extendedKeyUsage && !rule.purposes.some(purpose => extendedKeyUsage.includes(purpose)))
    return refused('wrong-usage', `certificate's extended key usage does not allow ${rule.words}`)
  if (usage === 'timeStamp' && !isForTimeStampsOnly(certificate))
    return refused('wrong-usage', 'certificate is not for time stamps alone, as a critical extension must say')
  return undefined
}

/** RFC 3161 §2.3. */
function isForTimeStampsOnly({ extendedKeyUsage, criticalExtensions }: ParsedCertificate): boolean {
  return extendedKeyUsage?.length === 1 && criticalExtensions.includes(EXTENDED_KEY_USAGE)
}
