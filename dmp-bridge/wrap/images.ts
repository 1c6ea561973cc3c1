/** A page that was photographed or scanned has far more; a logo or a signature has less. */
const LEAST_BYTES = 20_000
const LEAST_SIDE = 500

/** @returns whether an image is too small to be a page, or can't be measured */
export function isLogo(bytes: Uint8Array, kind: 'jpeg' | 'tiff' | string): boolean {
  if (bytes.length < LEAST_BYTES) return true
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = kind === 'jpeg' ? jpegSize(buffer) : tiffSize(buffer)
  return size === undefined || Math.min(...size) < LEAST_SIDE
}

type Size = [width: number, height: number]

/** Of the first frame header (ITU-T T.81 §B.2.2). */
function jpegSize(buffer: Buffer): Size | undefined {
  for (let at = 2; at + 9 < buffer.length; ) {
    if (buffer[at] !== 0xff) return undefined
    const marker = buffer[at + 1] ?? 0
    if (marker === 0xff) {
      at += 1
      continue
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) return [buffer.readUInt16BE(at + 7), buffer.readUInt16BE(at + 5)]
    at += 2 + buffer.readUInt16BE(at + 2)
  }
  return undefined
}

/** Of the first directory (TIFF 6.0 §2): ImageWidth 256 and ImageLength 257, SHORT or LONG. */
function tiffSize(buffer: Buffer): Size | undefined {
  const isLittle = buffer[0] === 0x49
  const short = (at: number) => (isLittle ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at))
  const long = (at: number) => (isLittle ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at))
  const start = long(4)
  if (start + 2 > buffer.length) return undefined
  let [width, height] = [0, 0]
  for (let index = 0, count = short(start); index < count; index++) {
    const at = start + 2 + index * 12
    if (at + 12 > buffer.length) return undefined
    const value = short(at + 2) === 3 ? short(at + 8) : long(at + 8)
    if (short(at) === 256) width = value
    if (short(at) === 257) height = value
  }
  return width > 0 && height > 0 ? [width, height] : undefined
}
