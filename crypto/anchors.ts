import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OcspAnswers } from './answers.ts'
import {
  authorityOf,
  type CertificateFacts,
  derToPem,
  type ParsedCertificate,
  parseCertificate,
  pemBlocks,
  pemToDer,
} from './certificate.ts'
import { commonName } from './names.ts'
import { continues, type DeltaList, isNewer, type ReadList, type RevocationList, readRevocationList } from './revocation.ts'
import { endsSoonAt } from './status.ts'

/** The certification authorities that this operator accepts, with their revocation lists. What is inside is for this room only. */
export interface Anchors {
  /** The earliest nextUpdate of the lists: from then on peers are refused. Undefined while an authority has no list at all. */
  readonly freshUntil: Date | undefined
  /**
   * Reads the files again (new revocation lists arrive daily) and swaps what is trusted in one step. A list gives way to a newer one only.
   * TLS listeners keep the lists they were given: give them a new `serverTls(...)` afterwards.
   * @throws Error as {@link loadAnchors}; the former state then stays
   */
  reload(): void
  /** The complete list of each authority; without dates when there is none. For alarms. */
  lists(): ListDates[]
  authorities(): CertificateFacts[]
}

export interface ListDates {
  /** CN of the authority */
  authority: string
  nextUpdate?: Date
  /** Later than this, somebody should know. */
  endsSoonAt?: Date
  /** Asked where the list lacks. */
  hasResponder?: true
}

/** One consistent state of the anchors; a reload makes a new one, so what hangs on it (judged certificates) is forgotten with it. */
export interface Trust {
  authorities: readonly ParsedCertificate[]
  /** Certificates configured as such that are no authority: the pinned signer of a list, never a TLS peer. */
  pinned: readonly ParsedCertificate[]
  /** by authority (`authorityOf`), as all that follows */
  lists: ReadonlyMap<string, RevocationList>
  deltas: ReadonlyMap<string, DeltaList>
  /** addresses of OCSP responders */
  responders: ReadonlyMap<string, string>
  /** outlive a reload: they are about certificates, not about lists */
  answers: OcspAnswers
  ocsp: OcspAccess | undefined
  authorityPems: readonly string[]
  /** The same lists, as they were read. */
  read: readonly ListWithPem[]
  /** Complete lists alone: OpenSSL gets them. */
  listPems: readonly string[]
}

/**
 * Paths: `anchors` PEM (roots and intermediates, several in a file allowed), `crls` PEM or DER. `authorities` are anchors as well, one certificate a
 * file, perhaps with the address of their OCSP responder.
 */
export interface AnchorFiles {
  anchors: readonly string[]
  crls: readonly string[]
  authorities?: readonly { certificate: string; ocsp?: string | undefined }[] | undefined
  /** Folder of lists that a program has fetched, named by {@link fetchedListName}. One that can't be used is as good as none. */
  fetched?: string | undefined
}

/** How a responder is reached; whoever loads anchors brings it, since this room does no traffic. */
export interface OcspAccess {
  /** Sends a request to an address. @returns the answer's octets @throws Error with a short sentence */
  ask(url: string, request: Buffer): Promise<Buffer>
  /** Told of each question that led to no answer: `reason` is one word, for a log. */
  failed?(authority: string, reason: string): void
}

/** File of the list of an authority in the folder of fetched lists. */
export function fetchedListName(fingerprint256: string, kind: 'complete' | 'delta'): string {
  return `${fingerprint256}${kind === 'delta' ? '.delta' : ''}.crl`
}

const states = new WeakMap<Anchors, () => Trust>()

/**
 * Reads the authorities and their revocation lists. Peers chain to these and to nothing else: an intermediate that a peer brings along is
 * not used, because without its own revocation list here it could not be trusted anyway.
 * An absent or outdated list is no fault here; certificates of that authority are then refused as `revocation-unknown`.
 * @throws Error with one sentence for an unreadable file, an intermediate without its root, a list with a wrong signature or of an unknown issuer
 */
export function loadAnchors(files: AnchorFiles, { ocsp }: { ocsp?: OcspAccess | undefined } = {}): Anchors {
  const answers = new OcspAnswers()
  const read = (former: readonly ListWithPem[]) => ({ ...readTrust(files, former), answers, ocsp })
  let trust: Trust = read([])
  const anchors: Anchors = {
    get freshUntil() {
      return freshUntil(trust)
    },
    reload() {
      trust = read(trust.read)
    },
    authorities: () => trust.authorities.map(({ facts }) => facts),
    lists: () => trust.authorities.map(authority => datesOf(authority, trust)),
  }
  states.set(anchors, () => trust)
  return Object.freeze(anchors)
}

/**
 * Reads the authorities of a public service, whose certificate OpenSSL alone judges, without lists.
 * @returns PEM: what OpenSSL can end a chain at, an authority or a certificate that is its own; nothing else of the files
 * @throws Error as {@link loadAnchors}, and when there is none: OpenSSL would then trust nobody
 */
export function loadAuthorities(files: readonly string[]): string[] {
  const { authorityPems, pinned } = readTrust({ anchors: files, crls: [] }, [])
  const pems = [...authorityPems, ...pinned.filter(isRoot).map(({ x509 }) => x509.toString())]
  if (pems.length === 0) throw new Error(`${files.join(', ')}: no certificate of an authority`)
  return pems
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

/** @param former lists that were in use: one stays when its file is older by now, or can't be read at this moment */
function readTrust(files: AnchorFiles, former: readonly ListWithPem[]): Omit<Trust, 'answers' | 'ocsp'> {
  const listed = (files.authorities ?? []).map(({ certificate, ocsp }) => ({ authority: readAuthority(certificate), ocsp }))
  const certificates = distinct([...files.anchors.flatMap(readCertificates), ...listed.map(({ authority }) => authority)])
  const authorities = certificates.filter(({ isCa }) => isCa)
  for (const authority of authorities) checkHasRoot(authority, authorities)
  const lists = [
    ...files.crls.flatMap(readLists).map(list => ({ ...readListOf(list, authorities), pem: list.pem })),
    ...authorities.flatMap(authority => fetchedLists(files.fetched, authority)),
    ...former.filter(({ issuer }) => authorities.some(authority => authorityOf(authority) === authorityOf(issuer))),
  ]
  const complete = newestLists(lists)
  const deltas = newestDeltas(lists, complete)
  const inUse = [...[...complete.values()].map(({ list }) => list), ...deltas.values()]
  const responders = listed.flatMap(({ authority, ocsp }) => (ocsp === undefined ? [] : [[authorityOf(authority), ocsp] as const]))
  return {
    authorities,
    pinned: certificates.filter(({ isCa }) => !isCa),
    lists: new Map([...complete].map(([authority, { list }]) => [authority, list])),
    deltas,
    read: lists.filter(({ list }) => inUse.includes(list)),
    responders: new Map(responders),
    authorityPems: authorities.map(({ x509 }) => x509.toString()),
    listPems: [...complete.values()].map(({ pem }) => pem),
  }
}

function readAuthority(file: string): ParsedCertificate {
  const [authority, ...more] = readCertificates(file)
  if (!authority?.isCa || more.length > 0) throw new Error(`${file}: needs one certificate, of an authority`)
  return authority
}

function distinct(certificates: ParsedCertificate[]): ParsedCertificate[] {
  return [...new Map(certificates.map(certificate => [certificate.facts.fingerprint256, certificate])).values()]
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

type ListWithPem = ReadList & { pem: string }

/** The newest complete list of each authority. */
function newestLists(lists: ListWithPem[]): Map<string, { list: RevocationList; pem: string }> {
  const newest = new Map<string, { list: RevocationList; pem: string }>()
  for (const { kind, issuer, list, pem } of lists) {
    const known = newest.get(authorityOf(issuer))
    if (kind === 'complete' && (!known || isNewer(list, known.list))) newest.set(authorityOf(issuer), { list, pem })
  }
  return newest
}

/** The newest delta list of each authority that fits its complete list. */
function newestDeltas(lists: ListWithPem[], complete: ReadonlyMap<string, { list: RevocationList }>): Map<string, DeltaList> {
  const newest = new Map<string, DeltaList>()
  for (const read of lists) {
    if (read.kind === 'complete') continue
    const authority = authorityOf(read.issuer)
    const known = newest.get(authority)
    const base = complete.get(authority)?.list
    if (base && continues(read.list, base) && (!known || isNewer(read.list, known))) newest.set(authority, read.list)
  }
  return newest
}

function readListOf({ file, der }: { file: string; der: Buffer }, authorities: readonly ParsedCertificate[]): ReadList {
  try {
    return readRevocationList(der, authorities)
  } catch (cause) {
    const why = cause instanceof RangeError ? 'not a revocation list, PEM or DER' : (cause as Error).message
    throw new Error(`${file}: ${why}`, { cause })
  }
}

/** Lists of that authority, and of no other, whatever lies under its name. */
function fetchedLists(folder: string | undefined, authority: ParsedCertificate): ListWithPem[] {
  if (folder === undefined) return []
  return (['complete', 'delta'] as const).flatMap(kind => {
    const file = join(folder, fetchedListName(authority.facts.fingerprint256, kind))
    try {
      if (!existsSync(file)) return []
      const der = readFileSync(file)
      return [{ ...readRevocationList(der, [authority]), pem: derToPem(der, 'X509 CRL') }]
    } catch {
      return [] // it is fetched again; until then the certificates of this authority are refused
    }
  })
}

function datesOf(authority: ParsedCertificate, { lists, responders }: Trust): ListDates {
  const list = lists.get(authorityOf(authority))
  return {
    authority: commonName(authority.facts.subject) ?? '?',
    ...(list && { nextUpdate: list.nextUpdate, endsSoonAt: endsSoonAt(list) }),
    ...(responders.has(authorityOf(authority)) && { hasResponder: true }),
  }
}

function freshUntil({ authorities, lists }: Trust): Date | undefined {
  const ends = authorities.map(authority => lists.get(authorityOf(authority))?.nextUpdate)
  if (ends.length === 0 || ends.includes(undefined)) return undefined
  return new Date(Math.min(...ends.map(Number)))
}
