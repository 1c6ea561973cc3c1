import type { Listing } from './snapshot.ts'

/** The annuaire cannot say whether somebody is listed: the service is down or busy, or its answer made no sense. Never a yes, never a no. */
export class AnnuaireUnavailable extends Error {
  override readonly name = 'AnnuaireUnavailable'
}

/** The national extract on this machine, as `openDirectory` opens it. */
export interface ExtractSnapshot {
  find(address: string): Listing | undefined
  nearest(address: string): Listing | undefined
  /** Short text for traces, e.g. '2026-11-20T04:12Z'. */
  readonly version: string
}

/** What the Annuaire Santé itself said of an address. */
export interface LookedUp {
  listing: Listing
  /** The box works, but its holder is on the red list: it may be written to, and is never shown to whom has not its address. */
  redListed: boolean
  /** When the service said so; milliseconds since epoch. */
  at: number
}

/** The on-demand look-up: see `openLookup`. */
export interface Lookup {
  /** @throws AnnuaireUnavailable */
  find(address: string): LookedUp | undefined | Promise<LookedUp | undefined>
}

/** What the annuaire says of an address, and which state of it said so, for the trace. */
export interface Found {
  listing: Listing
  source: 'extract' | 'fhir'
  /** Of the extract, or the minute in which the service answered. */
  version: string
  /** Only where the source knows: the extract holds no box of the red list. */
  redListed?: boolean
}

/** Who is listed: the extract first, then the Annuaire Santé. */
export interface Annuaire {
  /**
   * Someone in the extract is found at once, without the network: the answer is then a value, no promise.
   * @param address in lower case
   * @throws AnnuaireUnavailable (or rejects with it) when it cannot be known: the edge answers 451 4.4.3
   */
  find(address: string): Found | undefined | Promise<Found | undefined>
  /** Of the extract. */
  readonly version: string
  /** The same person or place under another address, when only one is clearly meant; out of the extract alone, so never of the red list. */
  nearest(address: string): Listing | undefined
}

/** @param options.fhir without it only the extract is asked */
export function openAnnuaire({ directory, fhir }: { directory: ExtractSnapshot; fhir?: Lookup | undefined }): Annuaire {
  return {
    find(address) {
      const listing = inExtract(directory, address)
      if (listing) return { listing, source: 'extract', version: directory.version }
      if (!fhir || isPatientLike(address)) return undefined
      const answer = fhir.find(address)
      return answer instanceof Promise ? answer.then(foundOf) : foundOf(answer)
    },
    get version() {
      return directory.version
    },
    nearest: address => directory.nearest(address),
  }
}

function inExtract(directory: ExtractSnapshot, address: string): Listing | undefined {
  try {
    return directory.find(address)
  } catch (cause) {
    throw new AnnuaireUnavailable('The extract cannot be read', { cause })
  }
}

function foundOf(answer: LookedUp | undefined): Found | undefined {
  if (!answer) return undefined
  const { listing, redListed, at } = answer
  return { listing, source: 'fhir', version: minuteOf(at), redListed }
}

/** @returns '2026-11-20T04:12Z' */
function minuteOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16)}Z`
}

/** An address that is or may be an INS (13 or 15 characters, letters for Corsica only) is asked of nobody: it would be health data in a URL. */
function isPatientLike(address: string): boolean {
  return /^\d{6}[\dab]\d{6}(?:\d{2})?@/i.test(address.replace(/[^\w@]/g, '')) || /@(?:.+\.)?patient\.mssante\.fr$/.test(address)
}
