import { readFileSync } from 'node:fs'
import { derToPem, type ParsedCertificate, parseCertificate, pemBlocks, pemToDer } from './certificate.ts'
import { commonName } from './names.ts'
import { type RevocationList, readRevocationList } from './revocation.ts'

/** The certification authorities that this operator accepts, with their revocation lists. What is inside is for this room only. */
export interface Anchors {
  /** The earliest nextUpdate of the lists: from then on peers are refused. Undefined while an authority has no list at all. */
  readonly freshUntil: Date | undefined
  /**
   * Reads the files again (new revocation lists arrive daily) and swaps what is trusted in one step.
   * TLS listeners keep the lists they were given: give them a new `serverTls(...)` afterwards.
   * @throws Error as {@link loadAnchors}; the former state then stays
   */
  reload(): void
}

/** One consistent state of the anchors; a reload makes a new one, so what hangs on it (judged certificates) is forgotten with it. */
export interface Trust {
  authorities: readonly ParsedCertificate[]
  /** Certificates configured as such that are no authority: the pinned signer of a list, never a TLS peer. */
  pinned: readonly ParsedCertificate[]
  /** by fingerprint of the authority */
  lists: ReadonlyMap<string, RevocationList>
  authorityPems: readonly string[]
  listPems: readonly string[]
}

/** Paths: `anchors` PEM (roots and intermediates, several in a file allowed), `crls` PEM or DER. */
export interface AnchorFiles {
  anchors: readonly string[]
  crls: readonly string[]
}

const states = new WeakMap<Anchors, () => Trust>()

/**
 * Reads the authorities and their revocation lists. Peers chain to these and to nothing else: an intermediate that a peer brings along is
 * not used, because without its own revocation list here it could not be trusted anyway.
 * An absent or outdated list is no fault here; certificates of that authority are then refused as `revocation-unknown`.
 * @throws Error with one sentence for an unreadable file, an intermediate without its root, a list with a wrong signature or of an unknown issuer
 */
export function loadAnchors(files: AnchorFiles): Anchors {
  let trust = readTrust(files)
  const anchors: Anchors = {
    get freshUntil() {
      return freshUntil(trust)
    },
    reload() {
      trust = readTrust(files)
    },
  }
  states.set(anchors, () => trust)
  return Object.freeze(anchors)
}

/** The present state of anchors; for this room only. */
export function trustOf(anchors: Anchors): Trust {
  const state = states.get(anchors)
  if (!state) throw new Error('not anchors that loadAnchors returned')
  return state()
}

/** Whether a certificate is signed by its own key. */
export function isRoot({ x509 }: ParsedCertificate): boolean {
  return x509.checkIssued(x509) && x509.verify(x509.publicKey)
}

function readTrust(files: AnchorFiles): Trust {
  const certificates = files.anchors.flatMap(readCertificates)
  const authorities = certificates.filter(({ isCa }) => isCa)
  for (const authority of authorities) checkHasRoot(authority, authorities)
  const lists = files.crls.flatMap(readLists)
  return {
    authorities,
    pinned: certificates.filter(({ isCa }) => !isCa),
    lists: newestLists(lists, authorities),
    authorityPems: authorities.map(({ x509 }) => x509.toString()),
    listPems: lists.map(({ pem }) => pem),
  }
}

function readCertificates(file: string): ParsedCertificate[] {
  const blocks = pemBlocks(readFileSync(file, 'latin1'), 'CERTIFICATE')
  if (blocks.length === 0) throw new Error(`${file}: no PEM certificate`)
  return blocks.map(parseCertificate)
}

function checkHasRoot(authority: ParsedCertificate, authorities: readonly ParsedCertificate[]): void {
  if (isRoot(authority)) return
  const issuer = authorities.find(({ x509 }) => authority.x509.checkIssued(x509) && authority.x509.verify(x509.publicKey))
  if (!issuer) throw new Error(`the authority "${commonName(authority.facts.subject)}" has no issuer among the anchors`)
}

function readLists(file: string): { file: string; pem: string; der: Buffer }[] {
  const bytes = readFileSync(file)
  const blocks = pemBlocks(bytes.toString('latin1'), 'X509 CRL')
  if (blocks.length > 0) return blocks.map(pem => ({ file, pem, der: pemToDer(pem) }))
  return [{ file, pem: derToPem(bytes, 'X509 CRL'), der: bytes }]
}

/** The newest list of each authority. */
function newestLists(lists: { file: string; der: Buffer }[], authorities: readonly ParsedCertificate[]): Map<string, RevocationList> {
  const newest = new Map<string, RevocationList>()
  for (const { file, der } of lists) {
    const { issuer, list } = readListOf(file, der, authorities)
    const known = newest.get(issuer.facts.fingerprint256)
    if (!known || known.thisUpdate < list.thisUpdate) newest.set(issuer.facts.fingerprint256, list)
  }
  return newest
}

function readListOf(file: string, der: Buffer, authorities: readonly ParsedCertificate[]) {
  try {
    return readRevocationList(der, authorities)
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause })
  }
}

function freshUntil({ authorities, lists }: Trust): Date | undefined {
  const ends = authorities.map(({ facts }) => lists.get(facts.fingerprint256)?.nextUpdate)
  if (ends.length === 0 || ends.includes(undefined)) return undefined
  return new Date(Math.min(...ends.map(Number)))
}
