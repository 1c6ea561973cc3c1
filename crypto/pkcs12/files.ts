import { readPkcs12 } from '../pkcs12.ts'
import { readCapped, readSecret } from '../secret-file.ts'

/** Paths of a PKCS#12 file, as IGC-Santé delivers it, and of a file that holds its passphrase on one line. */
export interface Pkcs12Files {
  pkcs12: string
  passphrase: string
}

/** A key, its certificate and a chain of twenty take some 50 KiB. */
const MOST_OCTETS = 256 * 1024

/**
 * Reads a PKCS#12 file with the passphrase of another file.
 * @returns the certificate followed by its chain, and the key, as PEM
 * @throws Error with one sentence; it never holds the passphrase
 */
export function loadPkcs12(files: Pkcs12Files): { certificatePem: string; keyPem: string } {
  const passphrase = readSecret(files.passphrase, 'passphrase')
  const { certificatePem, chainPem, keyPem } = readPkcs12(readCapped(files.pkcs12, MOST_OCTETS), passphrase)
  return { certificatePem: [certificatePem, ...chainPem].join(''), keyPem }
}
