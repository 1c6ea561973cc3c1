import { readFile } from 'node:fs/promises'
import type { Dn } from './dn.ts'
import { WhiteListFault } from './white-list-fault.ts'
import { readWhiteListXml, type SkippedEntry, type WhiteListEntry } from './white-list-xml.ts'

/** The signed list of the trust space: which certificates (by subject) may speak for which mail domains. Many to many. */
export interface WhiteList {
  /** DateDeGeneration of the file. */
  readonly generatedAt: Date
  /** Entries read, exact duplicates included. */
  readonly entries: number
  /** Distinct names of certificates as the list writes them. */
  readonly dns: number
  /** Distinct names once read: quotes and blanks make no other name. */
  readonly names: number
  /** Entries that allow nothing because their domain or name could not be read with certainty. */
  readonly skipped: readonly SkippedEntry[]
  /** @param domain in lower case; matched exactly, no wildcard and no subdomain rule */
  dnsOf(domain: string): readonly Dn[]
  /** @returns whether the list gives this very certificate name for the domain */
  allows(domain: string, dn: Dn): boolean
  /** @returns whether the name is listed for any domain */
  lists(dn: Dn): boolean
  domainsOf(dn: Dn): readonly string[]
}

export interface WhiteListOptions {
  /**
   * Verifies the enveloped signature and the signer, throws when anything is wrong.
   * @returns the signed bytes, re-serialised without the signature: nothing else of the file is read
   */
  verify: (xml: string) => { signed: string } | Promise<{ signed: string }>
  /** milliseconds since epoch */
  now?: () => number
}

/** The real list weighs 3.7 MB (6,494 entries). */
export const MAX_BYTES = 64 * 1024 * 1024
/** Clocks differ; a list of next week is a mistake that would block every later one. */
const CLOCK_TOLERANCE = 24 * 3600 * 1000
/** A stray entry is put aside, a list full of them is not the list we know. */
const MAX_SKIPPED = 0.01

/**
 * Reads a white list. The schema and the rules are those of the list published by the ANS.
 * @param file path of the signed XML
 * @throws WhiteListFault; the caller's previous list is untouched
 */
export async function loadWhiteList(file: string, options: WhiteListOptions): Promise<WhiteList> {
  const signed = await verified(await readXml(file), options)
  const { generatedAt, entries, skipped } = await readWhiteListXml(signed)
  const now = options.now ?? Date.now
  if (entries.length === 0) throw new WhiteListFault('empty', 'The white list has no usable entry')
  if (skipped.length > entries.length * MAX_SKIPPED && skipped.length > 1) {
    throw new WhiteListFault('unreadable-entries', `${skipped.length} entries of the white list cannot be read: ${skipped[0]?.why}`)
  }
  if (generatedAt.getTime() > now() + CLOCK_TOLERANCE) {
    throw new WhiteListFault('future', `The white list says it was generated on ${generatedAt.toISOString()}, which is in the future`)
  }
  return indexed(generatedAt, entries, skipped)
}

/** What a list must follow. */
export type ListFacts = Pick<WhiteList, 'generatedAt' | 'entries'>

/**
 * A replayed older list would bring withdrawn certificates back; a much shorter one is a cut export (seen at the publisher).
 * @throws WhiteListFault older or shrunk
 */
export function checkSuccession(last: ListFacts, next: ListFacts): void {
  if (next.generatedAt < last.generatedAt) {
    throw new WhiteListFault('older', `The white list of ${next.generatedAt.toISOString()} is older than the one in use`)
  }
  if (next.entries * 2 < last.entries) {
    throw new WhiteListFault('shrunk', `The white list has ${next.entries} entries, the one in use has ${last.entries}`)
  }
}

/** @param maxAge milliseconds @returns whether a list was generated longer ago than that: it stays in use, with an alarm */
export function isOld({ generatedAt }: Pick<WhiteList, 'generatedAt'>, maxAge: number, now: number): boolean {
  return now - generatedAt.getTime() > maxAge
}

async function readXml(file: string): Promise<string> {
  const bytes = await readFile(file).catch(cause => {
    throw new WhiteListFault('unreadable', `The white list ${file} cannot be read`, { cause })
  })
  if (bytes.length > MAX_BYTES) throw new WhiteListFault('too-large', `The white list ${file} is larger than ${MAX_BYTES} bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new WhiteListFault('not-utf8', `The white list ${file} is not UTF-8`, { cause })
  }
}

async function verified(xml: string, { verify }: WhiteListOptions): Promise<string> {
  try {
    return (await verify(xml)).signed
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    throw new WhiteListFault('signature', `The signature of the white list is refused${why}`, { cause })
  }
}

function indexed(generatedAt: Date, entries: WhiteListEntry[], skipped: SkippedEntry[]): WhiteList {
  const names = new Map<string, Map<string, Dn>>()
  const domains = new Map<string, Set<string>>()
  for (const { domain, dn } of entries) {
    names.set(domain, (names.get(domain) ?? new Map<string, Dn>()).set(dn.key, dn))
    domains.set(dn.key, (domains.get(dn.key) ?? new Set<string>()).add(domain))
  }
  return {
    generatedAt,
    entries: entries.length + skipped.length,
    dns: new Set(entries.map(({ written }) => written)).size,
    names: domains.size,
    skipped,
    dnsOf: domain => [...(names.get(domain)?.values() ?? [])],
    allows: (domain, dn) => names.get(domain)?.has(dn.key) === true,
    lists: dn => domains.has(dn.key),
    domainsOf: dn => [...(domains.get(dn.key) ?? [])],
  }
}
