import type { SaxesTagNS } from 'saxes'

const XSL = 'http://www.w3.org/1999/XSL/Transform'
/** What runs. The published style sheets have an `iframe` for the embedded file, and read a vocabulary by a variable. */
const ELEMENTS = new Set(['script', 'applet', 'embed'])
/** What fetches by itself. */
const FETCHING = new Set(['src', 'background'])

/**
 * Whether an element runs something, or brings in what is not in the document (EX_2.1-1115): a script however it is made, an event
 * handler, a `javascript:` address, an import of a style sheet, an image from elsewhere.
 */
export function isActive(tag: SaxesTagNS): boolean {
  if (ELEMENTS.has(tag.local.toLowerCase())) return true
  const attributes = Object.values(tag.attributes)
  if (tag.local.toLowerCase() === 'link' && attributes.some(each => each.local === 'href' && isElsewhere(each.value))) return true
  if (tag.uri === XSL) {
    if (tag.local === 'import' || tag.local === 'include') return true
    const name = tag.attributes.name?.value ?? ''
    if (tag.local === 'element' && ELEMENTS.has(name.toLowerCase().replace(/^.*:/, ''))) return true
    if (tag.local === 'attribute' && isHandler(name)) return true
    if (attributes.some(each => /\b(document|unparsed-text)\s*\(\s*['"][^'"]/.test(each.value))) return true
  }
  return attributes.some(
    ({ local, value }) => isHandler(local) || isScript(value) || (FETCHING.has(local.toLowerCase()) && isElsewhere(value)),
  )
}

/** `href` of an xml-stylesheet instruction: a name of a file, or a part of the document, is what published examples have. */
export function isForeignStylesheet(target: string, body: string): boolean {
  const href = /\bhref\s*=\s*["']([^"']*)/.exec(body)?.[1] ?? ''
  return target.toLowerCase() === 'xml-stylesheet' && (isElsewhere(href) || isScript(href))
}

/** @returns whether a text or an address holds a script; blanks inside the word are skipped by browsers */
export function isScript(text: string): boolean {
  return /(java|vb)\s*script\s*:|data:\s*text\/html/i.test(text)
}

/** @returns whether a text, as it stands in a `style`, fetches what is not in the document */
export function isForeignStyle(text: string): boolean {
  if (!text.includes('@') && !text.includes('(')) return false // base64, most of all
  return FETCHES.test(text) || (text.includes('\\') && FETCHES.test(withoutEscapes(text)))
}

const FETCHES = /@import\b|\burl\(\s*(?:['"]\s*)?(?!data:image\/)([a-z][a-z0-9+.-]*:|[\\/]{2})/i

/** CSS Syntax 3 §4.3.7: an escaped letter is that letter, in a keyword too. */
function withoutEscapes(text: string): string {
  return text.replace(/\\(?:([\da-f]{1,6})\s?|([^\n]))/gi, (_, hex?: string, plain = '') =>
    hex === undefined ? plain : String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff)),
  )
}

/** The text between two tags as a browser sees it, whatever comments and CDATA divide it into, and in whichever pieces a parser reports it. */
export class StyleText {
  #pieces: string[] = []

  text(piece: string): void {
    this.#pieces.push(piece)
  }

  /** A tag comes. @returns whether what stood before it fetches */
  ends(): boolean {
    const text = this.#pieces.length === 1 ? (this.#pieces[0] ?? '') : this.#pieces.join('')
    this.#pieces = []
    return isForeignStyle(text)
  }
}

function isHandler(name: string): boolean {
  return /^on[a-z]{3,}$/i.test(name)
}

function isElsewhere(address: string): boolean {
  return /^\s*([a-z][a-z0-9+.-]*:|[\\/]{2})/i.test(address) && !/^\s*data:image\//i.test(address)
}
