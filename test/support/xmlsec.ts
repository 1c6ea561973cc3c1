import { spawnSync } from 'node:child_process'
import { devNull } from 'node:os'
import { tool } from './tools.ts'

/** xmlsec1 reads no schema, so it must be told which attributes are XML ids. */
export const ASSERTION_IDS = ['--id-attr:ID', 'urn:oasis:names:tc:SAML:2.0:assertion:Assertion']

/**
 * The same for the signature of a submission set. Its manifest is left aside: it names documents by `urn:oid:`, which are not in the
 * file, and the set itself under a dummy digest (spec dmp §1.6); that the manifest is unaltered is still verified.
 */
export const SUBMISSION_IDS = ['--ignore-manifests', ...xadesIds()]

function xadesIds(): string[] {
  return [
    ...['--id-attr:Id', 'http://www.w3.org/2000/09/xmldsig#:Manifest'],
    ...['--id-attr:Id', 'http://uri.etsi.org/01903/v1.1.1#:SignedProperties'],
  ]
}

/** Files of PEM certificates: the root to trust, and the authority between it and the signer. */
export interface Trust {
  root: string
  authority: string
}

/** @returns whether xmlsec1 accepts the signature of a file, made with a certificate that chains to the root */
export function isVerified(file: string, trust: Trust, ...options: string[]): boolean {
  return spawnSync(tool('xmlsec1'), [...verifying(trust), ...options, file]).status === 0
}

/** What xmlsec1 found: the signature, and of how many of the files that a manifest names it computed the same digest, `ok/all`. */
export interface SignatureVerdict {
  verified: boolean
  manifests: string
}

/** Judges many files in one run. @returns their verdicts in order; the first that is not verified is the last */
export function signatureVerdicts(files: readonly string[], trust: Trust, ...options: string[]): SignatureVerdict[] {
  const { stderr } = spawnSync(tool('xmlsec1'), [...verifying(trust), ...options, ...files], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const found = stderr.matchAll(/^(OK|FAIL)\nSignedInfo References .*\nManifests References \(ok\/all\): (.*)$/gm)
  return [...found].map(([, word, manifests = '']) => ({ verified: word === 'OK', manifests }))
}

/**
 * The signatures of submission sets with their manifests: xmlsec1 canonicalises and digests each document itself.
 * @param named files by OID: documents, and for each set nothing (its digest is a dummy, spec dmp §1.6: it counts among all and never among the right ones)
 */
export function manifestVerdicts(
  files: readonly string[],
  trust: Trust,
  named: Readonly<Record<string, string | undefined>>,
): SignatureVerdict[] {
  const maps = Object.entries(named).flatMap(([oid, file]) => [`--url-map:urn:oid:${oid}`, file ?? devNull])
  return signatureVerdicts(files, trust, ...xadesIds(), ...maps)
}

function verifying({ root, authority }: Trust): string[] {
  return ['--verify', '--trusted-pem', root, '--untrusted-pem', authority, '--enabled-key-data', 'x509']
}
