/** What people write in two ways. The index has both, so that a search needs neither. */
const ALSO: Record<string, string> = { st: 'saint', ste: 'sainte', saint: 'st', sainte: 'ste' }

/** @returns the text without accents, capitals and ligatures */
export function folded(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
  return plain.replaceAll('œ', 'oe').replaceAll('æ', 'ae')
}

/** @returns the words of a text as they are compared; hyphens, apostrophes and dots separate them */
export function wordsOf(text: string): string[] {
  return folded(text).match(/[\p{L}\p{N}]+/gu) ?? []
}

/**
 * @returns the words under which a text is found: its words, compounds also in one piece (`d'Ancolie` as d, ancolie and dancolie),
 * `St` also as `Saint` and the reverse
 */
export function indexedWords(text: string): string[] {
  // Every run is taken, simple words as well: a pattern for compounds alone would read a long word again from each of its letters.
  const runs = folded(text).match(/[\p{L}\p{N}]+(?:[-'’.][\p{L}\p{N}]+)*/gu) ?? []
  const compounds = runs.filter(run => /[-'’.]/.test(run))
  const words = wordsOf(text)
  const also = words.flatMap(word => ALSO[word] ?? [])
  return [...words, ...compounds.map(compound => compound.replace(/[-'’.]/g, '')), ...also]
}

/** Titles are in no index: everybody has one. */
const TITLES = new Set(['dr', 'docteur', 'pr', 'professeur', 'm', 'mr', 'monsieur', 'mme', 'madame', 'mlle'])

/** Nobody types more, and a program must not cost more. */
const MAX_WORDS = 8
const MAX_TEXT = 200

/** @returns the words that somebody has typed so far, without titles; a title at the end stays, it may become a name */
export function typedWords(text: string): string[] {
  const words = [...new Set(wordsOf(text.slice(0, MAX_TEXT)))]
  return words.filter((word, at) => at === words.length - 1 || !TITLES.has(word)).slice(0, MAX_WORDS)
}

/** @returns whether the word is a title and no name */
export const isTitle = (word: string): boolean => TITLES.has(word)

/**
 * Begins the words of a name, beside the same words without it, so that "in the name" is a word of the index and costs no more
 * than any other. A letter that French has not.
 */
export const NAME_MARK = 'þ'
