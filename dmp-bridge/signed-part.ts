import { CmsFault, unverifiedContent } from '../crypto/cms/index.ts'

/** ContentInfo of SignedData (RFC 5652 §3): a sequence, of whatever length, that begins with 1.2.840.113549.1.7.2. */
const SIGNED_DATA = /^\x30(?:[\x00-\x80]|[\x81-\x84][\s\S]{1,4}?)\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02/

/** @returns whether bytes are a CMS signature, with or without what was signed */
export function isSignedData(content: Uint8Array): boolean {
  return SIGNED_DATA.test(Buffer.from(content.buffer, content.byteOffset, Math.min(content.byteLength, 32)).toString('latin1'))
}

/**
 * What an opaque signature holds (S/MIME, RFC 8551 §3.5.2), read and not verified: who sends was settled by the session, and a document is judged by
 * what it says. Who signed decides nothing here.
 * @returns `beside` when the content travels elsewhere (smime.p7s); `unreadable` when there is no telling
 */
export async function signedContent(content: Uint8Array, most: number): Promise<Uint8Array | 'beside' | 'unreadable'> {
  try {
    return (await unverifiedContent(content, most)) ?? 'beside'
  } catch (error) {
    if (error instanceof CmsFault) return 'unreadable'
    throw error
  }
}

/** @returns whether signed content is an entity of MIME, as in mail, and not a bare file */
export function isEntity(content: Uint8Array): boolean {
  const head = Buffer.from(content.buffer, content.byteOffset, Math.min(content.byteLength, 1024)).toString('latin1')
  return /^[!-9;-~]{1,76}:[ \t]/.test(head)
}
