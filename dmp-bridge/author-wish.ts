/** By this field the author's software holds the documents of one message back (EX_GEN-1060). The message keeps it: its bytes are never altered. */
const WISH = /^X-Pli-DMP[ \t]*:(.*)$/gim

/**
 * What the author's software says of the filing of a message's documents. Only the message's own header speaks: a letter that is passed on has
 * its author's wish for the letter that it was in.
 * @param eml the whole message
 * @returns whether its documents wait: `non` says so, and so does whatever is not plainly `oui` (nothing fails open)
 */
export function isHeldByAuthor(eml: Uint8Array): boolean {
  const bytes = Buffer.from(eml.buffer, eml.byteOffset, eml.byteLength)
  const end = bytes.indexOf('\r\n\r\n')
  const header = bytes.toString('latin1', 0, end < 0 ? bytes.length : end).replace(/\r\n(?=[ \t])/g, '')
  return [...header.matchAll(WISH)].some(([, value = '']) => !/^(oui|yes)$/i.test(value.trim()))
}
