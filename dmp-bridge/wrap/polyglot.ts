/** The longest that may stand behind the mark of the end of an archive: its own record, and a comment (APPNOTE 4.3.16). */
const ZIP_TAIL = 22 + 65_535
const ZIP_END = Buffer.from('PK\x05\x06', 'latin1')

/**
 * @returns whether a file is something else too: an archive, which is read from its end, or an image with more behind it than it shows. A PDF says
 * itself where it ends (pdf-a.ts), an RTF too.
 */
export function isTwoThings(bytes: Uint8Array, kind: string): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.subarray(-ZIP_TAIL).includes(ZIP_END)) return true
  return kind === 'jpeg' && !endsAsJpeg(buffer)
}

/** EOI (ITU-T T.81 §B.2.1); scanners fill up with zeros. */
function endsAsJpeg(buffer: Buffer): boolean {
  let end = buffer.length
  while (end > 0 && buffer[end - 1] === 0) end -= 1
  return buffer[end - 2] === 0xff && buffer[end - 1] === 0xd9
}
