import type Database from 'better-sqlite3'
import { isTitle, NAME_MARK, typedWords } from './search-text.ts'
import type { Listing } from './snapshot.ts'
import type { BoxReader } from './snapshot-row.ts'
import { PREFIXES } from './snapshot-schema.ts'

export interface SearchOptions {
  /** Of listings; 20 without it, 200 at most. */
  limit?: number
}

const USUAL_LIMIT = 20
const HIGHEST_LIMIT = 200

/** More words than this begin alike: their lists are merged by the index itself. */
const MOST_SPELT_OUT = 100

/** A word as typed, in the language of the index. Words are letters and digits alone, so nothing can end the quotes. */
export const whole = (word: string) => `"${word}"`

/** What was typed as a word: itself, and whatever begins with it, each anywhere or in a name. */
interface Term {
  whole: string
  begun: string
  wholeInName: string
  begunInName: string
}

/**
 * Searches as a person types: every word must be found, in any order, whole or as the beginning of a word.
 * Whole words come before beginnings, hits in the name before hits elsewhere (town, speciality, structure, service); what is equal
 * is in alphabetical order. Each rank is one question that stops at the limit, asked while there is room.
 */
export function openSearch(db: Database.Database, reader: BoxReader): (text: string, options?: SearchOptions) => Listing[] {
  const hits = db
    .prepare<[string, number], string>(
      'SELECT address FROM (SELECT rowid AS hit FROM search WHERE search MATCH ? ORDER BY rowid LIMIT ?) JOIN search_row ON id = hit ORDER BY id',
    )
    .pluck()
  const beginning = db
    .prepare<[string, string], string>(`SELECT word FROM search_word WHERE word >= ? AND word < ? LIMIT ${MOST_SPELT_OUT + 1}`)
    .pluck()
  const from = db.prepare<[string, string, number], string>('SELECT address FROM box WHERE address >= ? AND address < ? LIMIT ?').pluck()

  function termOf(word: string): Term | undefined {
    const words = word.length > PREFIXES ? beginning.all(word, after(word)) : []
    if (word.length > PREFIXES && words.length === 0) return undefined
    const begun = (mark: string) =>
      words.length === 0 || words.length > MOST_SPELT_OUT
        ? `${whole(mark + word)}*`
        : `(${words.map(spelt => whole(mark + spelt)).join(' OR ')})`
    return { whole: whole(word), begun: begun(''), wholeInName: whole(NAME_MARK + word), begunInName: begun(NAME_MARK) }
  }

  function matching(words: readonly string[], limit: number): string[] {
    const terms = words.map(termOf)
    const found = new Set<string>()
    if (words.length === 0 || !terms.every(term => term !== undefined)) return []
    const anywhere = hits.all(terms.map(term => term.begun).join(' AND '), limit)
    for (const question of ranks(terms)) {
      if (found.size >= anywhere.length) break // the first question already told how many there are
      for (const address of hits.all(question, limit)) found.add(address)
    }
    return [...found, ...anywhere.filter(address => !found.has(address))].slice(0, limit)
  }

  function addresses(text: string, limit: number): string[] {
    const typed = text.trim().toLowerCase()
    if (/^[^\s@]+@\S*$/.test(typed)) return from.all(typed, after(typed), limit)
    const words = typedWords(text)
    const found = matching(words, limit)
    return found.length === 0 && words.length > 1 && isTitle(words.at(-1)!) ? matching(words.slice(0, -1), limit) : found
  }

  return (text, { limit = USUAL_LIMIT } = {}) => {
    const most = Math.min(Math.max(1, Math.floor(limit) || 1), HIGHEST_LIMIT)
    return addresses(text, most).map(address => reader.find(address) as Listing)
  }
}

/** @returns what comes after every text that begins with this one */
const after = (text: string) => `${text}\u{10FFFF}`

/** The questions to the index, best rank first; the last of all, every word as a beginning and anywhere, is not among them. */
function ranks(terms: readonly Term[]): string[] {
  const asWhole = { anywhere: (term: Term) => term.whole, inName: (term: Term) => term.wholeInName }
  const asBegun = { anywhere: (term: Term) => term.begun, inName: (term: Term) => term.begunInName }
  const last = terms.length - 1
  const forms = [terms.map(() => asWhole), terms.map((_, at) => (at === last ? asBegun : asWhole)), terms.map(() => asBegun)]
  const questions = forms.flatMap(form => {
    const anywhere = terms.map((term, at) => form[at]!.anywhere(term))
    const inName = terms.map((term, at) => form[at]!.inName(term))
    const partly = terms.map((_, at) => `(${anywhere.with(at, inName[at]!).join(' AND ')})`)
    return [inName.join(' AND '), ...(last > 0 ? [partly.join(' OR ')] : []), anywhere.join(' AND ')]
  })
  return [...new Set(questions)].slice(0, -1)
}
