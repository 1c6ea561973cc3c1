import type { SeenSigner } from '../../../../gateway/opening/look.ts'

/** A signer whose certificate names these addresses. */
export function signer(emails: string[], more: Partial<SeenSigner> = {}): SeenSigner {
  return {
    name: `CN=${emails[0] ?? 'nobody'},C=FR`,
    issuer: 'CN=AC FICTIVE,C=FR',
    serial: '0a1b',
    emails,
    certificatePem: `pem of ${emails.join()}`,
    mayBeEncryptedTo: true,
    ...more,
  }
}
