import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Every file below a folder in which one of the texts can be read: as it is, in base64 (at each of the three offsets), in UTF-16, in hexadecimal.
 * @param texts 6 characters at least, or the offsets of base64 would find anything
 */
export function filesTelling(folder: string, texts: readonly string[]): string[] {
  const needles = texts.flatMap(spellings)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return files
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => {
      const bytes = readFileSync(file)
      return needles.some(needle => bytes.includes(needle))
    })
}

function spellings(text: string): Buffer[] {
  const base64 = [0, 1, 2].map(offset => {
    const whole = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)])
      .toString('base64')
      .replaceAll('=', '')
    return Buffer.from(whole.slice(offset === 0 ? 0 : 4, -2))
  })
  return [
    Buffer.from(text),
    Buffer.from(text, 'latin1'),
    Buffer.from(text, 'utf16le'),
    Buffer.from(Buffer.from(text).toString('hex')),
    ...base64,
  ]
}
