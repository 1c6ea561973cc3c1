import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { readPkcs12 } from '../pkcs12.ts'

/** Paths of a PKCS#12 file, as IGC-Santé delivers it, and of a file that holds its passphrase on one line. */
export interface Pkcs12Files {
  pkcs12: string
  passphrase: string
}

/** A key, its certificate and a chain of twenty take some 50 KiB. */
const MOST_OCTETS = 256 * 1024
const MOST_PASSPHRASE_OCTETS = 1024

/**
 * Reads a PKCS#12 file with the passphrase of another file.
 * @returns the certificate followed by its chain, and the key, as PEM
 * @throws Error with one sentence; it never holds the passphrase
 */
export function loadPkcs12(files: Pkcs12Files): { certificatePem: string; keyPem: string } {
  const passphrase = readPassphrase(files.passphrase)
  const { certificatePem, chainPem, keyPem } = readPkcs12(readCapped(files.pkcs12, MOST_OCTETS), passphrase)
  return { certificatePem: [certificatePem, ...chainPem].join(''), keyPem }
}

function readPassphrase(path: string): string {
  const bytes = readCapped(path, MOST_PASSPHRASE_OCTETS, ({ mode }) => {
    if (mode & 0o077) throw new Error(`the passphrase file ${path} can be used by others than its owner: chmod 600 it`)
  })
  const text = decodeUtf8(bytes, path).replace(/\r?\n$/, '')
  if (text === '') throw new Error(`the passphrase file ${path} is empty`)
  if (/[\r\n\0]/.test(text)) throw new Error(`the passphrase file ${path} must hold one line and nothing else`)
  return text
}

function decodeUtf8(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Error(`the passphrase file ${path} is not in UTF-8`, { cause })
  }
}

/** The file that is checked is the one that is read: both go through one descriptor. */
function readCapped(path: string, most: number, check: (stats: Stats) => void = () => {}): Buffer {
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
