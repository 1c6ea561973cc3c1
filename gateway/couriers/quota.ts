import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { maildirPath } from './mailbox.ts'

export interface QuotaOptions {
  /** Holds the Maildirs, as the mailbox courier writes them. */
  folder: string
  /** @returns the most bytes that a box may hold; undefined: as much as the disk takes */
  quotaOf: (address: string) => Promise<number | undefined>
  /** milliseconds since epoch */
  now: () => number
}

export type Quota = ReturnType<typeof openQuota>

/** How long a measure is believed; what is delivered meanwhile is counted on top, what is read away is not. */
const FRESH_MS = 30_000
const MOST_KNOWN = 10_000
/** Files looked at together: a box of 100,000 letters must not take every file descriptor. */
const TOGETHER = 64

interface Measure {
  until: number
  quota: number | undefined
  /** Bytes; measured only for a box that has a quota. */
  used: number
}

/** How much room the boxes have. A box that can't be measured makes the promise reject: it is the caller's "not now", never a yes. */
export function openQuota({ folder, quotaOf, now }: QuotaOptions) {
  const measures = new Map<string, Promise<Measure>>()

  async function take(address: string): Promise<Measure> {
    const quota = await quotaOf(address)
    return { until: now() + FRESH_MS, quota, used: quota === undefined ? 0 : await measured(maildirPath(folder, address)) }
  }

  /** Many who ask at once share one measure. */
  async function measureOf(address: string): Promise<Measure> {
    const known = measures.get(address)
    if (known && now() < (await known).until) return known
    if (measures.get(address) !== known) return measureOf(address) // somebody else has begun meanwhile
    if (measures.size >= MOST_KNOWN) measures.clear()
    const measure = take(address)
    measures.set(address, measure)
    measure.catch(() => measures.get(address) === measure && measures.delete(address))
    return measure
  }

  const fits = ({ quota, used }: Measure, size: number) => quota === undefined || used + size <= quota

  return {
    /** @returns bytes that the letters of a box take, in all its folders */
    usedBytes: (address: string): Promise<number> => measured(maildirPath(folder, address)),

    /** @param size bytes; 0 when it is not known yet: is there any room at all? */
    hasRoom: async (address: string, size: number): Promise<boolean> => fits(await measureOf(address), Math.max(1, size)),

    /** Takes room for a letter that is about to be stored: of two at once, only those that fit together get it. @returns whether it fits */
    async take(address: string, size: number): Promise<boolean> {
      const measure = await measureOf(address)
      if (!fits(measure, size)) return false
      measure.used += size
      return true
    },
  }
}

/** @returns bytes of a Maildir: new and cur, of the box and of its folders (Maildir++: `.Sent`, …) */
async function measured(path: string): Promise<number> {
  const folders = (await namesIn(path)).filter(name => name.startsWith('.'))
  let bytes = 0
  for (const folder of ['', ...folders]) {
    for (const part of ['new', 'cur']) bytes += await bytesIn(join(path, folder, part))
  }
  return bytes
}

async function bytesIn(folder: string): Promise<number> {
  const names = await namesIn(folder)
  let bytes = 0
  for (let at = 0; at < names.length; at += TOGETHER) {
    const sizes = await Promise.all(names.slice(at, at + TOGETHER).map(name => sizeOf(join(folder, name))))
    bytes += sizes.reduce((sum, size) => sum + size, 0)
  }
  return bytes
}

/** @returns what is in a folder; nothing where there is none */
export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(orNothing([]))
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(({ size }) => size, orNothing(0))
}

/** A reader moves and removes letters while we count; a box without letters has no folder yet. */
function orNothing<T>(nothing: T): (error: unknown) => T {
  return error => {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return nothing
    throw error
  }
}
