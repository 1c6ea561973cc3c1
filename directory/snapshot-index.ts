import type Database from 'better-sqlite3'
import { indexedWords, NAME_MARK } from './search-text.ts'
import { SEARCH_SCHEMA } from './snapshot-schema.ts'

/** Fields repeat (towns, professions, structures): remembered words save a third of the time. */
const REMEMBERED = 50_000

/** Makes a filled snapshot searchable. The name of a box is its person's, or else its service and structure. */
export function indexBoxes(db: Database.Database): void {
  const met = new Set<string>()
  register(db, 'words', words => words.join(' '))
  register(db, 'name_words', words => words.map(word => `${word} ${NAME_MARK}${word}`).join(' '), met)
  register(db, 'other_words', words => words.join(' '), met)
  db.exec(SEARCH_SCHEMA)
  // Few large merges instead of many small ones, and a single one at the end: a search then reads one list for each word.
  db.exec("INSERT INTO search (search, rank) VALUES ('automerge', 0); INSERT INTO search (search, rank) VALUES ('hashsize', 67108864)")
  db.exec(`INSERT INTO search_row (address) SELECT address FROM box
    ORDER BY words(CASE WHEN last_name = '' THEN name ELSE last_name END), words(first_name), address`)
  db.exec(`INSERT INTO search (rowid, words) SELECT id, other_words(profession, skill, place, department) ||
      CASE WHEN last_name = '' THEN name_words(service, structure) ELSE name_words(last_name, first_name) || other_words(service, structure) END
    FROM search_row CROSS JOIN box USING (address) ORDER BY id`)
  db.exec("INSERT INTO search (search) VALUES ('optimize')")
  const insert = db.prepare('INSERT INTO search_word VALUES (?)')
  for (const word of [...met].sort()) insert.run(word)
}

/** Makes a function of SQL that writes the words of texts in a row. @param met receives them */
function register(db: Database.Database, name: string, write: (words: string[]) => string, met?: Set<string>): void {
  const known = new Map<string, string>()
  const written = (text: unknown): string => {
    const found = known.get(text as string)
    if (found !== undefined) return found
    if (known.size >= REMEMBERED) known.clear()
    const words = indexedWords(text as string)
    for (const word of words) met?.add(word)
    const made = `${write(words)} `
    known.set(text as string, made)
    return made
  }
  db.function(name, { deterministic: true, varargs: true }, (...texts: unknown[]) => texts.map(written).join(''))
}
