import { spawnSync } from 'node:child_process'
import { tool } from './tools.ts'

/** xmlsec1 reads no schema, so it must be told which attributes are XML ids. */
export const ASSERTION_IDS = ['--id-attr:ID', 'urn:oasis:names:tc:SAML:2.0:assertion:Assertion']

/**
 * The same for the signature of a submission set. Its manifest is left aside: it names documents by `urn:oid:`, which are not in the
 * file, and the set itself under a dummy digest (spec dmp §1.6); that the manifest is unaltered is still verified.
 */
export const SUBMISSION_IDS = [
  '--ignore-manifests',
  ...['--id-attr:Id', 'http://www.w3.org/2000/09/xmldsig#:Manifest'],
  ...['--id-attr:Id', 'http://uri.etsi.org/01903/v1.1.1#:SignedProperties'],
]

/** Files of PEM certificates: the root to trust, and the authority between it and the signer. */
export interface Trust {
  root: string
  authority: string
}

/** @returns whether xmlsec1 accepts the signature of a file, made with a certificate that chains to the root */
export function isVerified(file: string, trust: Trust, ...options: string[]): boolean {
  const authorities = ['--trusted-pem', trust.root, '--untrusted-pem', trust.authority]
  return spawnSync(tool('xmlsec1'), ['--verify', ...authorities, '--enabled-key-data', 'x509', ...options, file]).status === 0
}
