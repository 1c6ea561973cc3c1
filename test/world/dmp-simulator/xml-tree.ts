import { SaxesParser } from 'saxes'

/** A small tree of an XML document, made by a conforming parser: entities and line ends resolved, CDATA as text, no DTD ever. */
export interface XmlElement {
  kind: 'element'
  prefix: string
  local: string
  uri: string
  attributes: { prefix: string; local: string; uri: string; value: string }[]
  /** Namespace declarations written on this very element: prefix ('' for the default one) to URI. */
  declared: Map<string, string>
  children: XmlNode[]
  parent: XmlElement | undefined
}
export type XmlNode =
  | XmlElement
  | { kind: 'text'; value: string }
  | { kind: 'comment'; value: string }
  | { kind: 'pi'; target: string; body: string }
export interface XmlDocument {
  kind: 'document'
  children: XmlNode[]
  root: XmlElement
}

/** The text is not XML as we take it; the message never holds any of its content. */
export class XmlFault extends Error {
  override readonly name = 'XmlFault'
}

const XMLNS = 'http://www.w3.org/2000/xmlns/'

/**
 * @param bytes UTF-8 (with or without BOM), or what the XML declaration names
 * @throws XmlFault when it is not well formed, has a document type declaration, or another encoding than it says
 */
export function parseXml(bytes: Buffer): XmlDocument {
  const parser = new SaxesParser({ xmlns: true, position: true })
  const document: { kind: 'document'; children: XmlNode[]; root?: XmlElement } = { kind: 'document', children: [] }
  let current: XmlElement | undefined
  const add = (node: XmlNode) => (current ?? document).children.push(node)
  const fail = (why: string) => {
    throw new XmlFault(`${why} (line ${parser.line}, column ${parser.column})`)
  }
  parser.on('error', () => fail('XML is not well formed'))
  parser.on('doctype', () => fail('a document type declaration is not accepted'))
  parser.on('text', value => {
    if (current) add({ kind: 'text', value })
  })
  parser.on('cdata', value => add({ kind: 'text', value }))
  parser.on('comment', value => add({ kind: 'comment', value }))
  parser.on('processinginstruction', ({ target, body }) => add({ kind: 'pi', target, body }))
  parser.on('opentag', tag => {
    const element = elementOf(tag, current)
    if (!current) document.root = element
    add(element)
    current = element
  })
  parser.on('closetag', () => {
    current = current?.parent
  })
  parser.write(decode(bytes)).close()
  if (!document.root) throw new XmlFault('there is no root element')
  return document as XmlDocument
}

interface SaxTag {
  prefix: string
  local: string
  uri: string
  attributes: Record<string, { prefix: string; local: string; uri: string; value: string }>
}

function elementOf(tag: SaxTag, parent: XmlElement | undefined): XmlElement {
  const declared = new Map<string, string>()
  const attributes: XmlElement['attributes'] = []
  for (const { prefix, local, uri, value } of Object.values(tag.attributes)) {
    if (uri === XMLNS) declared.set(prefix === 'xmlns' ? local : '', value)
    else attributes.push({ prefix, local, uri, value })
  }
  return { kind: 'element', prefix: tag.prefix, local: tag.local, uri: tag.uri, attributes, declared, children: [], parent }
}

function decode(bytes: Buffer): string {
  const declared = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding=["']([\w.-]+)["']/.exec(bytes.subarray(0, 200).toString('latin1'))?.[1]
  try {
    return new TextDecoder(declared ?? 'utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new XmlFault('the bytes are not in the encoding of the document')
  }
}

/** @returns the element children with this namespace and local name, in document order */
export function kids(element: XmlElement, uri: string, local: string): XmlElement[] {
  return element.children.filter((node): node is XmlElement => node.kind === 'element' && node.uri === uri && node.local === local)
}

/** @returns every element child */
export function elements(element: XmlElement): XmlElement[] {
  return element.children.filter((node): node is XmlElement => node.kind === 'element')
}

/** @returns the single element at the end of a path of local names in one namespace, or undefined when a step has none or several */
export function at(element: XmlElement | undefined, uri: string, ...path: string[]): XmlElement | undefined {
  let here = element
  for (const local of path) {
    const found: XmlElement[] = here ? kids(here, uri, local) : []
    here = found.length === 1 ? found[0] : undefined
  }
  return here
}

/** @returns all elements below (the element itself excluded) with this namespace and local name */
export function below(element: XmlElement, uri: string, local: string): XmlElement[] {
  return elements(element).flatMap(child => [...(child.uri === uri && child.local === local ? [child] : []), ...below(child, uri, local)])
}

/** @returns the text inside, all depths, blanks at both ends removed */
export function textOf(element: XmlElement | undefined): string {
  const all = (node: XmlNode): string =>
    node.kind === 'text' ? node.value : node.kind === 'element' ? node.children.map(all).join('') : ''
  return element ? all(element).trim() : ''
}

/** @returns the value of an attribute without namespace, or undefined */
export function attribute(element: XmlElement | undefined, local: string, uri = ''): string | undefined {
  return element?.attributes.find(each => each.local === local && each.uri === uri)?.value
}
