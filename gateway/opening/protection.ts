import { all, HeaderFault, type HeaderField, parseMediaType } from '../header.ts'

/**
 * How a header says that the whole of its message is protected by S/MIME (RFC 8551 §3.2): enough to know whether to look into it, and no more. An
 * application/pkcs7-mime that does not say that it is only signed may be encrypted.
 */
export type ClaimedProtection = 'encrypted' | 'signed'

/** Signatures that only carry certificates, and compressed content (RFC 8551 §3.2.2), protect nothing. */
const NO_PROTECTION = new Set(['certs-only', 'compressed-data'])

/** @returns undefined for a message that is not protected as a whole, or whose Content-Type can be read in two ways */
export function protectionOf(fields: readonly HeaderField[]): ClaimedProtection | undefined {
  const media = mediaType(fields)
  if (!media) return undefined
  const { type, parameters } = media
  if (type === 'multipart/signed')
    return /^application\/(x-)?pkcs7-signature$/i.test(parameters.get('protocol') ?? '') ? 'signed' : undefined
  if (!/^application\/(x-)?pkcs7-mime$/.test(type)) return undefined
  const kind = parameters.get('smime-type')?.toLowerCase() ?? ''
  if (NO_PROTECTION.has(kind)) return undefined
  return kind === 'signed-data' ? 'signed' : 'encrypted'
}

function mediaType(fields: readonly HeaderField[]): ReturnType<typeof parseMediaType> | undefined {
  const [field, ...others] = all(fields, 'Content-Type')
  if (!field || others.length > 0) return undefined
  try {
    return parseMediaType(field.value)
  } catch (error) {
    if (error instanceof HeaderFault) return undefined
    throw error
  }
}
