import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'

const MOST_OCTETS = 1024

/**
 * Reads a secret that stands on one line of a file: a passphrase, an API key, a client's secret.
 * @param what it is, for the sentences
 * @throws Error with one sentence when others than the owner can use the file, or it holds anything else; it never holds the secret
 */
export function readSecret(path: string, what: string): string {
  const bytes = readCapped(path, MOST_OCTETS, ({ mode }) => {
    if (mode & 0o077) throw new Error(`the ${what} file ${path} can be used by others than its owner: chmod 600 it`)
  })
  const text = decodeUtf8(bytes, path, what).replace(/\r?\n$/, '')
  if (text === '') throw new Error(`the ${what} file ${path} is empty`)
  if (/[\r\n\0]/.test(text)) throw new Error(`the ${what} file ${path} must hold one line and nothing else`)
  return text
}

function decodeUtf8(bytes: Buffer, path: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Error(`the ${what} file ${path} is not in UTF-8`, { cause })
  }
}

/** The file that is checked is the one that is read: both go through one descriptor. */
export function readCapped(path: string, most: number, check: (stats: Stats) => void = () => {}): Buffer {
  const file = openSync(path, 'r')
  try {
    const stats = fstatSync(file)
    if (!stats.isFile() || stats.size > most) throw new Error(`${path} is no file of at most ${most} octets`)
    check(stats)
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}
