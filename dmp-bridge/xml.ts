import { SaxesParser, type SaxesTagNS } from 'saxes'
import { readingRuns } from '../crypto/xml/text-runs.ts'
import { decodeUtf8 } from '../crypto/xml/utf8.ts'
import type { Reason } from './reasons.ts'

/** One element as it was read. Attributes are the ones without a prefix, and `xml:lang`. */
export interface XmlElement {
  name: string
  ns: string
  attributes: ReadonlyMap<string, string>
  children: XmlElement[]
  /** its own text, CDATA included, not that of its children */
  text: string
  /** what was parsed inside and not kept: elements, and characters that are not blank */
  hidden?: { elements: number; characters: number }
}

/** The XML can't be used. Carries no content. */
export class XmlFault extends Error {
  override readonly name = 'XmlFault'
  readonly reason: Reason
  constructor(reason: Reason) {
    super(reason)
    this.reason = reason
  }
}

export interface XmlOptions {
  maxBytes: number
  maxDepth: number
  /** elements kept in memory */
  maxElements: number
  /** blanks before the declaration are met in real METADATA.XML; a document to be filed must not have them */
  skipLeadingBlanks?: boolean
  /** called for every element, kept or not */
  onElement?: (name: string, ns: string, tag: SaxesTagNS) => void
  /** called when an element ends, kept or not */
  onClose?: () => void
  /** called for every text and CDATA, kept or not */
  onText?: (text: string) => void
  /** called for every processing instruction */
  onInstruction?: (target: string, body: string) => void
  /** says of an element whether what it contains is kept; everything by default. What is not kept is still parsed */
  keepInside?: (element: XmlElement, parent: XmlElement | undefined) => boolean
}

/**
 * Reads XML that strangers wrote, in one pass and without ever resolving anything: a DTD is refused where it starts, so no
 * entity can be declared, and the five of XML itself are the only ones known.
 * @returns the root, and whether the bytes are UTF-8 (the CI-SIS requires it; other encodings are read, not filed)
 * @throws XmlFault
 */
export function readXml(bytes: Uint8Array, options: XmlOptions): { root: XmlElement; utf8: boolean } {
  if (bytes.length > options.maxBytes) throw new XmlFault('xml-too-big')
  const { text, encoding } = decode(bytes)
  let isDeclaredUtf8 = true
  const parser = readingRuns(new SaxesParser({ xmlns: true, position: false }))
  const build = new TreeBuilder(options)
  parser.on('doctype', () => {
    throw new XmlFault('xml-dtd')
  })
  parser.on('error', () => {
    throw new XmlFault('xml-malformed')
  })
  parser.on('xmldecl', declaration => {
    if (declaration.version !== '1.0') throw new XmlFault('xml-malformed') // the canonical form is of XML 1.0
    isDeclaredUtf8 = declaration.encoding === undefined || /^utf-8$/i.test(declaration.encoding)
  })
  parser.on('processinginstruction', ({ target, body }) => options.onInstruction?.(target, body))
  parser.on('opentag', tag => build.open(tag))
  parser.on('closetag', () => build.close())
  parser.on('text', value => build.addText(value))
  parser.on('cdata', value => build.addText(value))
  parser.write(options.skipLeadingBlanks ? text.trimStart() : text).close()
  if (build.root === undefined) throw new XmlFault('xml-malformed')
  return { root: build.root, utf8: encoding === 'utf-8' && isDeclaredUtf8 }
}

class TreeBuilder {
  root: XmlElement | undefined
  readonly #options: XmlOptions
  readonly #open: XmlElement[] = []
  #depth = 0
  /** depth of the element whose inside is not kept, 0 when everything is */
  #dropped = 0
  #count = 0
  /** namespace declarations of each open element, and of all of them */
  readonly #declared: number[] = []
  #inScope = 0

  constructor(options: XmlOptions) {
    this.#options = options
  }

  open(tag: SaxesTagNS): void {
    this.#depth += 1
    if (this.#depth > this.#options.maxDepth) throw new XmlFault('xml-too-big')
    this.#declare(Object.keys(tag.ns).length)
    this.#options.onElement?.(tag.local, tag.uri, tag)
    if (this.#dropped > 0) {
      this.#hide(1, 0)
      return
    }
    this.#count += 1
    if (this.#count > this.#options.maxElements) throw new XmlFault('xml-too-big')
    const element: XmlElement = { name: tag.local, ns: tag.uri, attributes: plainAttributes(tag), children: [], text: '' }
    const parent = this.#open.at(-1)
    if (parent) parent.children.push(element)
    else this.root = element
    this.#open.push(element)
    if (this.#options.keepInside?.(element, parent) === false) this.#dropped = this.#depth
  }

  /** Each is repeated in the canonical form of what it is in scope of: many of them make it long to digest. */
  #declare(count: number): void {
    this.#declared.push(count)
    this.#inScope += count
    if (count > MOST_DECLARATIONS || this.#inScope > MOST_IN_SCOPE) throw new XmlFault('xml-malformed')
  }

  #hide(elements: number, characters: number): void {
    const element = this.#open.at(-1)
    if (!element) return
    element.hidden ??= { elements: 0, characters: 0 }
    element.hidden.elements += elements
    element.hidden.characters += characters
  }

  close(): void {
    this.#options.onClose?.()
    this.#inScope -= this.#declared.pop() ?? 0
    if (this.#dropped === this.#depth) this.#dropped = 0
    if (this.#dropped === 0) this.#open.pop()
    this.#depth -= 1
  }

  addText(value: string): void {
    this.#options.onText?.(value)
    const element = this.#open.at(-1)
    if (this.#dropped > 0) this.#hide(0, value.trim().length)
    else if (element) element.text += value
  }
}

const MOST_DECLARATIONS = 64
const MOST_IN_SCOPE = 256

function plainAttributes(tag: SaxesTagNS): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const attribute of Object.values(tag.attributes)) {
    if (attribute.prefix === '' || attribute.name === 'xml:lang') attributes.set(attribute.name, attribute.value)
  }
  return attributes
}

const BOMS: readonly [number[], string][] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
]

/** The encoding is the byte order mark's, else the declaration's, else UTF-8 (XML 1.0 appendix F). */
function decode(bytes: Uint8Array): { text: string; encoding: string } {
  const marked = BOMS.find(([mark]) => mark.every((byte, index) => bytes[index] === byte))?.[1]
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096)).toString('latin1')
  if (/^(\xef\xbb\xbf)?\s*<\?xml\s/.test(head) && !head.includes('?>')) throw new XmlFault('xml-encoding') // padded out of sight
  const declared = /^\s*<\?xml\s[^>]*?\sencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(head)?.[1]
  try {
    const decoder = new TextDecoder(marked ?? declared ?? 'utf-8', { fatal: true })
    const { encoding } = decoder
    return { text: encoding === 'utf-8' ? decodeUtf8(bytes) : decoder.decode(bytes), encoding }
  } catch (error) {
    throw new XmlFault(error instanceof RangeError ? 'xml-encoding' : 'xml-malformed')
  }
}

/** @returns the children with that name, in the namespace of their parent unless another is given */
export function children(element: XmlElement | undefined, name: string, ns = element?.ns): XmlElement[] {
  return element?.children.filter(each => each.name === name && each.ns === ns) ?? []
}

/** @returns the first element at the end of a path of names, all in the namespace of the start */
export function find(element: XmlElement | undefined, ...path: string[]): XmlElement | undefined {
  let current = element
  for (const name of path) current = current?.children.find(each => each.name === name && each.ns === element?.ns)
  return current
}

/** @returns every element with that name below (and at) this one, whatever its depth */
export function findAll(element: XmlElement | undefined, name: string, ns?: string): XmlElement[] {
  const found: XmlElement[] = []
  const waiting = element ? [element] : []
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.name === name && (ns === undefined || next.ns === ns)) found.push(next)
    waiting.push(...next.children.toReversed())
  }
  return found
}

/** @returns a trimmed attribute, undefined when it is absent or blank */
export function attribute(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.get(name)?.trim() || undefined
}

/** @returns the trimmed text of an element, undefined when it is absent or blank */
export function textOf(element: XmlElement | undefined): string | undefined {
  return element?.text.trim() || undefined
}
