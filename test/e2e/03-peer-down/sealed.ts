import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Every way in which a text may lie in a file.
 * @param text 6 characters at least, or the offsets of base64 would find anything
 */
export function spellings(text: string): Record<string, Buffer> {
  const utf8 = Buffer.from(text)
  const quoted = (safe: RegExp, bytes = utf8) =>
    [...bytes].map(octet => (safe.test(String.fromCharCode(octet)) ? String.fromCharCode(octet) : `=${hexOf(octet)}`)).join('')
  const utf16 = Buffer.from(text, 'utf16le')
  return {
    'as it is': utf8,
    'in Latin-1': Buffer.from(text, 'latin1'),
    'in UTF-16': utf16,
    'in UTF-16, big-endian': Buffer.from(utf16).swap16(),
    'in hexadecimal': Buffer.from(utf8.toString('hex')),
    'in hexadecimal, upper case': Buffer.from(utf8.toString('hex').toUpperCase()),
    'quoted-printable': Buffer.from(quoted(/[\x20-\x3c\x3e-\x7e]/)),
    'quoted-printable, in Latin-1': Buffer.from(quoted(/[\x20-\x3c\x3e-\x7e]/, Buffer.from(text, 'latin1'))),
    'as an encoded word': Buffer.from(quoted(/[A-Za-z0-9 ]/).replaceAll(' ', '_')),
    'in a URL': Buffer.from(encodeURIComponent(text)),
    'in JSON': Buffer.from(text.replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)),
    ...Object.fromEntries([0, 1, 2].map(offset => [`in base64, offset ${offset}`, base64(utf8, offset)])),
    ...Object.fromEntries([0, 1, 2].map(offset => [`in base64url, offset ${offset}`, urlSafe(base64(utf8, offset))])),
  }
}

/** @returns every file below a folder in which one of the texts can be read, in any spelling, also across the ends of lines */
export function filesTelling(folder: string, texts: readonly string[]): string[] {
  const needles = texts.flatMap(text => Object.values(spellings(text)))
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return files
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => {
      const bytes = unlessGone(file)
      const joined = Buffer.from(bytes.toString('latin1').replace(/=?\r?\n[ \t]?/g, ''), 'latin1')
      return needles.some(needle => bytes.includes(needle) || joined.includes(needle))
    })
}

/** A gateway that runs removes files meanwhile. */
function unlessGone(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

/** What of the base64 of a text is the same whatever lies before and behind it. */
function base64(bytes: Buffer, offset: number): Buffer {
  const whole = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replaceAll('=', '')
  return Buffer.from(whole.slice(offset === 0 ? 0 : offset + 1, Math.floor(((offset + bytes.length) * 8) / 6)))
}

function urlSafe(base64: Buffer): Buffer {
  return Buffer.from(base64.toString().replaceAll('+', '-').replaceAll('/', '_'))
}

function hexOf(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, '0')
}
