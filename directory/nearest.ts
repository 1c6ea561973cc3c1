import type Database from 'better-sqlite3'
import { editDistance } from './edit-distance.ts'
import { openLocalParts } from './local-parts.ts'
import { whole } from './search.ts'
import { indexedWords, NAME_MARK, wordsOf } from './search-text.ts'
import type { Listing } from './snapshot.ts'
import type { BoxReader } from './snapshot-row.ts'

/** Homonyms looked at; where there are more, nobody is clearly meant. */
const MOST_HOMONYMS = 50
const MOST_EDITS = 2
/** A shorter word that differs is another word (an initial, `le`), no slip of the pen. */
const SHORTEST_SLIP = 4

/** For refusals that repair: see `Directory.nearest`. A wrong guess would send a patient's letter to a stranger, so every doubt is a no. */
export function openNearest(db: Database.Database, reader: BoxReader): (address: string) => Listing | undefined {
  const localParts = openLocalParts(db)
  // '@' is followed by 'A' in ASCII: all addresses of one local part lie together.
  const sameLocal = db
    .prepare<[string, string], string>(`SELECT address FROM box WHERE address > ? || '@' AND address < ? || 'A' LIMIT ${MOST_HOMONYMS}`)
    .pluck()
  const isWord = db.prepare<[string], number>('SELECT 1 FROM search_word WHERE word = ?').pluck()
  const named = db.prepare<[string], { rpps: string; last_name: string; first_name: string }>(
    `SELECT rpps, last_name, first_name FROM (SELECT rowid AS hit FROM search WHERE search MATCH ? LIMIT ${MOST_HOMONYMS})
       JOIN search_row ON id = hit JOIN box USING (address)`,
  )

  const listings = (addresses: readonly string[]) => addresses.map(address => reader.find(address) as Listing)
  const isKnown = (word: string) => isWord.get(word) !== undefined

  /** `prenom.nom` of a person who has it at another domain. */
  function elsewhere(local: string): Listing[] {
    if (!/^[a-z]+(?:[._'-][a-z]+)+$/.test(local)) return [] // a number tells homonyms apart, and each domain counts for itself
    return listings(sameLocal.all(local, local)).filter(({ type, name }) => {
      const words = indexedWords(name)
      return type === 'PER' && wordsOf(local).every(word => words.includes(word))
    })
  }

  /** Local parts of the same domain that differ by what looks like a slip: no other number, and no word that somebody else bears. */
  function misspelt(local: string, domain: string): Listing[] {
    const near = localParts.near(local, domain, MOST_EDITS)
    return listings(near.filter(other => isSlip(local, other, isKnown)).map(other => `${other}@${domain}`))
  }

  function hasHomonym({ address, rpps }: Listing): boolean {
    const { last_name, first_name } = personOf(address)
    const words = wordsOf(`${last_name} ${first_name}`)
    if (words.length === 0) return true
    const found = named.all(words.map(word => whole(NAME_MARK + word)).join(' AND '))
    const same = found.filter(other => sameWords(other.last_name, last_name) && sameWords(other.first_name, first_name))
    return found.length === MOST_HOMONYMS || same.some(other => other.rpps !== rpps)
  }

  const nameOf = db.prepare<[string], { last_name: string; first_name: string }>('SELECT last_name, first_name FROM box WHERE address = ?')
  const personOf = (address: string) => nameOf.get(address)!

  return address => {
    const at = address.lastIndexOf('@')
    const [local, domain] = [address.slice(0, at), address.slice(at + 1)]
    if (at < 1 || address.length > 254) return undefined
    const meant = [...elsewhere(local), ...misspelt(local, domain)].filter(listing => listing.address !== address)
    if (new Set(meant.map(({ type, rpps, address: box }) => (type === 'PER' ? rpps : box))).size !== 1) return undefined
    if (meant[0]!.type === 'PER' && (!meant[0]!.rpps || hasHomonym(meant[0]!))) return undefined
    return theNearest(meant, address)
  }
}

function sameWords(one: string, other: string): boolean {
  return wordsOf(one).join(' ') === wordsOf(other).join(' ')
}

function isSlip(asked: string, listed: string, isKnown: (word: string) => boolean): boolean {
  if (asked.replace(/\D/g, '') !== listed.replace(/\D/g, '')) return false
  const [words, others] = [wordsOf(asked), wordsOf(listed)]
  const wrong = words.filter(word => !others.includes(word))
  const missed = others.filter(word => !words.includes(word))
  return [...wrong, ...missed].every(word => word.length >= SHORTEST_SLIP) && !wrong.some(isKnown)
}

/** @returns the one of a person's boxes that is written most like what was asked; undefined when two are */
function theNearest(meant: readonly Listing[], address: string): Listing | undefined {
  const far = address.length + 254
  const ranked = meant.map(listing => ({ listing, distance: editDistance(listing.address, address, far) }))
  ranked.sort((one, other) => one.distance - other.distance)
  return ranked[0]?.distance === ranked[1]?.distance ? undefined : ranked[0]?.listing
}
