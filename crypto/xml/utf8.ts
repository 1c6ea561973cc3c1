import { isAscii, isUtf8 } from 'node:buffer'

const BLOCK = 1 << 16

/**
 * Decodes UTF-8, strictly, without its byte order mark. Blocks that are ASCII (all but the first of a document whose body is base64) are copied
 * as they are: several times as fast as TextDecoder.
 * @throws TypeError when the bytes are not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isUtf8(buffer)) throw new TypeError('not UTF-8')
  const isMarked = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf
  let text = ''
  for (let start = isMarked ? 3 : 0, end = start; start < buffer.length; start = end) {
    end = Math.min(start + BLOCK, buffer.length)
    while (((buffer[end] ?? 0) & 0xc0) === 0x80) end -= 1 // in the middle of a character
    const block = buffer.subarray(start, end)
    text += isAscii(block) ? block.toString('latin1') : block.toString('utf8')
  }
  return text
}
