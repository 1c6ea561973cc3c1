/** XML to be written: an element, a text, or a piece that is XML already (a signed assertion must not be touched). */
export type XmlContent = XmlOut | string | RawXml

export interface XmlOut {
  /** with its prefix; the prefix is declared by an `xmlns:` attribute here or above */
  name: string
  attributes: Readonly<Record<string, string | undefined>>
  content: readonly XmlContent[]
}

export interface RawXml {
  raw: string
}

/**
 * @param attributes in the order they are written; an undefined one is left out
 * @param content `undefined` is left out
 */
export function element(name: string, attributes: XmlOut['attributes'] = {}, ...content: (XmlContent | undefined)[]): XmlOut {
  return { name, attributes, content: content.filter(each => each !== undefined) }
}

/** @returns XML that goes into the document as it is, without its declaration */
export function raw(xml: string): RawXml {
  return { raw: xml.replace(/^\s*<\?xml[^>]*\?>\s*/, '') }
}

/** @returns the text of an element and what it holds, without declaration, without added blanks */
export function writeXml(content: XmlContent): string {
  if (typeof content === 'string') return escapeText(content)
  if ('raw' in content) return content.raw
  const attributes = Object.entries(content.attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeAttribute(value ?? '')}"`)
  const inside = content.content.map(writeXml).join('')
  const start = `<${content.name}${attributes.join('')}`
  return inside === '' ? `${start}/>` : `${start}>${inside}</${content.name}>`
}

function escapeText(text: string): string {
  return legal(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#xD;')
}

/** Line ends and tabs would be turned into blanks by the reader (XML 1.0 §3.3.3). */
function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;').replaceAll('\n', '&#xA;').replaceAll('\t', '&#x9;')
}

/** Characters that no XML 1.0 document can carry, escaped or not (§2.2). They can't come from a document that was read. */
function legal(text: string): string {
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text) || /\p{Surrogate}/u.test(text))
    throw new Error('a value holds a character that XML does not allow')
  return text
}
