import { stat } from 'node:fs/promises'
import type { Dn } from './dn.ts'
import { checkSuccession, loadWhiteList, type WhiteList, type WhiteListOptions } from './white-list.ts'
import { WhiteListFault } from './white-list-fault.ts'
import type { SkippedEntry } from './white-list-xml.ts'

export interface LiveWhiteListOptions extends WhiteListOptions {
  /** Milliseconds between two looks at the file; 5 s by default. */
  everyMs?: number
  /** Told of each refused version of the file, once; the last good list stays in use. */
  onFault?: (fault: WhiteListFault) => void
  /** Told of each new list put in use. */
  onReload?: (list: WhiteList) => void
}

/** A white list that follows its file. */
export interface LiveWhiteList extends WhiteList {
  /**
   * Reads the file again now, changed or not (a new list was put in place, the anchors or revocation lists changed).
   * @returns whether a list was read and put in use; false when it was refused and the last good one kept
   */
  refresh(): Promise<boolean>
}

/**
 * Opens a white list and keeps it up to date. A question asked after a change of the file is answered from the last good
 * list while the new one is verified; there is no timer.
 * @throws WhiteListFault when the first load fails: without a list nobody can be trusted
 */
export async function openWhiteList(file: string, options: LiveWhiteListOptions): Promise<LiveWhiteList> {
  const stamp = await stampOf(file)
  return new FollowedList(file, options, await loadWhiteList(file, options), stamp)
}

class FollowedList implements LiveWhiteList {
  readonly #file: string
  readonly #options: LiveWhiteListOptions
  readonly #now: () => number
  #list: WhiteList
  #stamp: string
  #lookedAt: number
  #lastFault: string | undefined
  #loading: Promise<boolean> | undefined

  constructor(file: string, options: LiveWhiteListOptions, list: WhiteList, stamp: string) {
    this.#file = file
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#list = list
    this.#stamp = stamp
    this.#lookedAt = this.#now()
  }

  get generatedAt(): Date {
    return this.#current().generatedAt
  }

  get entries(): number {
    return this.#current().entries
  }

  get dns(): number {
    return this.#current().dns
  }

  get names(): number {
    return this.#current().names
  }

  get skipped(): readonly SkippedEntry[] {
    return this.#current().skipped
  }

  dnsOf(domain: string): readonly Dn[] {
    return this.#current().dnsOf(domain)
  }

  allows(domain: string, dn: Dn): boolean {
    return this.#current().allows(domain, dn)
  }

  lists(dn: Dn): boolean {
    return this.#current().lists(dn)
  }

  domainsOf(dn: Dn): readonly string[] {
    return this.#current().domainsOf(dn)
  }

  refresh(): Promise<boolean> {
    this.#loading ??= this.#reload().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  #current(): WhiteList {
    // A clock that was set back must not end the looking.
    if (Math.abs(this.#now() - this.#lookedAt) >= (this.#options.everyMs ?? 5000)) {
      this.#lookedAt = this.#now()
      void this.#reloadIfChanged()
    }
    return this.#list
  }

  async #reloadIfChanged(): Promise<void> {
    if ((await stampOf(this.#file)) !== this.#stamp) await this.refresh()
  }

  async #reload(): Promise<boolean> {
    const stamp = await stampOf(this.#file)
    try {
      const list = await loadWhiteList(this.#file, this.#options)
      checkSuccession(this.#list, list)
      this.#list = list
      this.#lastFault = undefined
      this.#stamp = stamp
      this.#options.onReload?.(list)
      return true
    } catch (error) {
      if (!(error instanceof WhiteListFault)) throw error
      // A refused version is verified once; a file that could not be read at all is tried again at the next look.
      if (error.reason !== 'unreadable') this.#stamp = stamp
      this.#report(error, stamp)
      return false
    }
  }

  #report(fault: WhiteListFault, stamp: string): void {
    const seen = `${fault.reason} ${stamp}`
    if (seen !== this.#lastFault) this.#options.onFault?.(fault)
    this.#lastFault = seen
  }
}

/** Changes whenever the file is replaced or rewritten. */
async function stampOf(file: string): Promise<string> {
  const facts = await stat(file, { bigint: true }).catch(() => undefined)
  return facts ? `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeNs}:${facts.ctimeNs}` : 'absent'
}
