import type Database from 'better-sqlite3'
import { editDistance } from './edit-distance.ts'
import { DOMAIN_OF_BOX } from './snapshot-schema.ts'

/** The local parts of the domains that were asked about, so that a slip of the pen is found without reading a domain twice. */
export interface LocalParts {
  /** @returns the local parts of the domain at an edit distance of 1 to `most` */
  near(local: string, domain: string, most: number): string[]
}

/** The largest domain has some 60,000 boxes. */
const MOST_KEPT = 300_000
/** RFC 5321 §4.5.3.1.1. */
const LONGEST_LOCAL = 64

export function openLocalParts(db: Database.Database): LocalParts {
  const ofDomain = db
    .prepare<[string], string>(`SELECT substr(address, 1, instr(address, '@') - 1) FROM box WHERE ${DOMAIN_OF_BOX} = ? LIMIT ${MOST_KEPT}`)
    .pluck()
  const domains = new Map<string, Map<number, Entry[]>>()
  let kept = 0

  function entries(domain: string): Map<number, Entry[]> {
    const known = domains.get(domain)
    if (known) return known
    const locals = ofDomain.all(domain)
    if (locals.length === 0) return new Map()
    if (kept + locals.length > MOST_KEPT) {
      domains.clear()
      kept = 0
    }
    const byLength = grouped(locals)
    domains.set(domain, byLength)
    kept += locals.length
    return byLength
  }

  return {
    near(local, domain, most) {
      if (local.length > LONGEST_LOCAL) return []
      const letters = lettersOf(local)
      const byLength = entries(domain)
      const found: string[] = []
      for (let length = local.length - most; length <= local.length + most; length++)
        for (const entry of byLength.get(length) ?? [])
          if (bits(entry.letters ^ letters) <= 2 * most && isNear(entry.local, local, most)) found.push(entry.local)
      return found
    },
  }
}

interface Entry {
  local: string
  /** One bit for each letter that occurs: an edit changes two of them at most, so most entries are seen to be far at once. */
  letters: number
}

function grouped(locals: readonly string[]): Map<number, Entry[]> {
  const byLength = new Map<number, Entry[]>()
  for (const local of locals) {
    const group = byLength.get(local.length) ?? []
    group.push({ local, letters: lettersOf(local) })
    byLength.set(local.length, group)
  }
  return byLength
}

function lettersOf(text: string): number {
  let letters = 0
  for (let at = 0; at < text.length; at++) letters |= 1 << (text.charCodeAt(at) & 31)
  return letters
}

function bits(number: number): number {
  let left = number
  let count = 0
  for (; left !== 0; count++) left &= left - 1
  return count
}

function isNear(one: string, other: string, most: number): boolean {
  const distance = editDistance(one, other, most)
  return distance > 0 && distance <= most
}
