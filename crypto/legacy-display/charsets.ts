/** What windows-1252 has where ISO 8859-1 has controls. Node's TextDecoder takes the one for the other. */
const FROM_80_TO_9F = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

/**
 * @param charset lower case
 * @returns the text; undefined in a charset that nobody here knows
 */
export function textIn(octets: Buffer, charset: string): string | undefined {
  if (charset === 'windows-1252') {
    return octets.toString('latin1').replace(/[\x80-\x9f]/g, octet => FROM_80_TO_9F[octet.charCodeAt(0) - 0x80]!)
  }
  try {
    return new TextDecoder(charset).decode(octets)
  } catch {
    return undefined
  }
}
