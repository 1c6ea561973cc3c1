import { statSync } from 'node:fs'
import type { SearchOptions } from './search.ts'
import { openSnapshot } from './snapshot-reader.ts'

/** TRE_R257-TypeBAL: of a person, of an organisation, of an application, of a practice. */
export type BalType = 'PER' | 'ORG' | 'APP' | 'CAB'

/** A box of the trust space, as the national extract publishes it. */
export interface Listing {
  address: string
  type: BalType
  idNatPs?: string
  rpps?: string
  idNatStruct?: string
  /** For people: title, first name and name, or service and structure. */
  name: string
  profession?: string
  speciality?: string
  service?: string
  /** Trade name, or else legal name. */
  structure?: string
  /** Post code and town. */
  place?: string
  department?: string
  /** The holder wants no paper copies. */
  paperless?: boolean
}

/** Who holds a box of a person, by the codes of the register. Texts may be empty. */
export interface Professional {
  lastName: string
  firstName: string
  /** TRE_G15, e.g. `10` */
  professionCode: string
  profession: string
  /** TRE_R38, e.g. `SM26` */
  skillCode: string
  skill: string
  idNatStruct: string
  structure: string
}

/** The national directory on this machine. Every question is answered at once, without waiting. */
export interface Directory {
  /** @param address in lower case. Takes microseconds. */
  find(address: string): Listing | undefined
  /** The holder of a box of a person (PER); undefined for any other box. */
  holder(address: string): Professional | undefined
  /** The boxes of a professional, by address. */
  byPerson(rpps: string): Listing[]
  /** @param idNatStruct with its prefix, `1750803447`; a thousand boxes at most */
  byStructure(idNatStruct: string): Listing[]
  /**
   * As a person types: name, first name, town, post code, speciality, profession, structure, service; accents, capitals and
   * order are free, every word may be unfinished. Best first. A text with an `@` is the beginning of an address.
   */
  search(text: string, options?: SearchOptions): Listing[]
  /**
   * Of an address that is not listed: the listed one that is clearly meant, the same person at another domain or a slip of the
   * pen in the local part. Undefined as soon as two persons, or two boxes, could be meant.
   */
  nearest(address: string): Listing | undefined
  readonly importedAt: Date
  /** At the publisher, as the name of the source says; undefined when it does not. */
  readonly generatedAt: Date | undefined
  readonly count: number
  /** Short text for traces, when it was generated or else imported: `2026-11-20T04:12Z`. */
  readonly version: string
  close(): void
}

export interface DirectoryOptions {
  /** milliseconds since epoch */
  now?: () => number
  /** Told once when the file was replaced by one that cannot be opened; the previous snapshot stays in use. */
  onFault?: (error: Error) => void
  /** Told when another snapshot is in use. */
  onSwap?: (next: Pick<Directory, 'version' | 'count'>) => void
}

const LOOK_EVERY_MS = 1000

/**
 * Opens a snapshot made by importExtract, read only. When the file is replaced, the next question after at most a second is
 * answered from the new one.
 * @throws one sentence when there is no snapshot or it is not one of ours
 */
export function openDirectory(file: string, options: DirectoryOptions = {}): Directory {
  const now = options.now ?? Date.now
  let identity = identityOf(file)
  let snapshot = openSnapshot(file)
  let lookedAt = now()

  function current() {
    if (Math.abs(now() - lookedAt) >= LOOK_EVERY_MS) {
      // a clock that was set back must not end the looking
      lookedAt = now()
      const seen = identityOf(file)
      if (seen !== undefined && seen !== identity) {
        identity = seen
        swap()
      }
    }
    return snapshot
  }

  function swap(): void {
    try {
      const next = openSnapshot(file)
      snapshot.close()
      snapshot = next
    } catch (error) {
      options.onFault?.(error as Error)
      return
    }
    options.onSwap?.(snapshot)
  }

  return {
    find: address => current().find(address),
    holder: address => current().holder(address),
    byPerson: rpps => current().byPerson(rpps),
    byStructure: idNatStruct => current().byStructure(idNatStruct),
    search: (text, choice) => current().search(text, choice),
    nearest: address => current().nearest(address),
    get importedAt() {
      return current().importedAt
    },
    get generatedAt() {
      return current().generatedAt
    },
    get count() {
      return current().count
    },
    get version() {
      return current().version
    },
    close: () => snapshot.close(),
  }
}

function identityOf(file: string): string | undefined {
  const facts = statSync(file, { bigint: true, throwIfNoEntry: false })
  return facts && `${facts.dev}:${facts.ino}:${facts.mtimeNs}`
}
