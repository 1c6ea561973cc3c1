import { element, writeXml, type XmlOut } from '../xml-writer.ts'

/**
 * Writes the XML Schema of a shape in our notation (schemas/README.md).
 * @param shape text of the file
 * @param root the element that a document starts with, and its type
 * @returns an XSD in one piece, that includes nothing
 * @throws Error that names the line which can't be read
 */
export function writeSchema(shape: string, root: string): string {
  const lines = shape
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  const parts = new Map<string, string>()
  const types = lines.flatMap(line => {
    const [, kind = '', name = '', rest = ''] = /^(\S+)\s+(\S+)\s*(.*)$/.exec(line) ?? []
    if (kind !== 'group' && kind !== 'attributes') return [typeOf(kind, name, withParts(rest, parts), line)]
    parts.set(name, rest)
    return []
  })
  const attributes = { 'xmlns:xs': XS, xmlns: HL7, targetNamespace: HL7, elementFormDefault: 'qualified' }
  return writeXml(element('xs:schema', attributes, ...types, element('xs:element', { name: root, type: root })))
}

const XS = 'http://www.w3.org/2001/XMLSchema'
const HL7 = 'urn:hl7-org:v3'

function withParts(text: string, parts: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\w+)/g, (_, name: string) => parts.get(name) ?? fail(name))
}

function fail(line: string): never {
  throw new Error(`the shape can't be read at: ${line}`)
}

function typeOf(kind: string, name: string, rest: string, line: string): XmlOut {
  switch (kind) {
    case 'pattern':
      return simple(name, element('xs:restriction', { base: BLANK_KEPT.has(name) ? 'xs:string' : 'xs:token' }, facet('pattern', rest)))
    case 'codes':
      return simple(name, codes(rest))
    case 'codes.list':
      return simple(name, element('xs:list', {}, element('xs:simpleType', {}, codes(rest))))
    case 'class':
      return complex({ name, rest: withRoot(rest), mixed: false, abstract: false })
    case 'data':
    case 'mixed':
    case 'abstract':
      return complex({ name, rest, mixed: kind === 'mixed', abstract: kind === 'abstract' })
    default:
      return fail(line)
  }
}

const BLANK_KEPT: ReadonlySet<string> = new Set(['text', 'base64'])

function simple(name: string, content: XmlOut): XmlOut {
  return element('xs:simpleType', { name: simpleName(name) }, content)
}

function codes(rest: string): XmlOut {
  return element('xs:restriction', { base: simpleName('cs') }, ...rest.split(/\s+/).map(code => facet('enumeration', code)))
}

function facet(name: string, value: string): XmlOut {
  return element(`xs:${name}`, { value })
}

const ROOT = 'realmCode:CS* typeId:TypeId? templateId:II*'

/** What every class of the header and of the body begins with (InfrastructureRoot). */
function withRoot(rest: string): string {
  const { content, attributes } = halves(rest)
  return `${ROOT} ${content} | @nullFlavor:NullFlavor ${attributes}`
}

function complex({ name, rest, mixed, abstract }: { name: string; rest: string; mixed: boolean; abstract: boolean }): XmlOut {
  const [, derivation, base, own = ''] = /^(<-?)\s+(\S+)\s*(.*)$/.exec(rest) ?? [undefined, undefined, undefined, rest]
  const { content, attributes } = halves(own)
  const inside = [...(content === '' ? [] : [sequence(content)]), ...(attributes.match(/\S+/g) ?? []).map(attribute)]
  const head = { name, ...(abstract && { abstract: 'true' }), ...(mixed && { mixed: 'true' }) }
  if (base === undefined) return element('xs:complexType', head, ...inside)
  const how = element(derivation === '<' ? 'xs:extension' : 'xs:restriction', { base }, ...inside)
  return element('xs:complexType', head, element('xs:complexContent', mixed ? { mixed: 'true' } : {}, how))
}

/** The first `|` that no parenthesis holds ends the content. */
function halves(text: string): { content: string; attributes: string } {
  let depth = 0
  for (const [index, sign] of [...text].entries()) {
    if (sign === '(') depth += 1
    if (sign === ')') depth -= 1
    if (sign === '|' && depth === 0) return { content: text.slice(0, index).trim(), attributes: text.slice(index + 1).trim() }
  }
  return { content: text.trim(), attributes: '' }
}

/** `@name:type`, `!` when it is required, `=value` when it is fixed; `-name` when the base has it and this type has not. */
function attribute(text: string): XmlOut {
  if (text.startsWith('-')) return element('xs:attribute', { name: text.slice(1), use: 'prohibited' })
  const [, name, required, type = 'cs', fixed] = /^@([\w.]+)(!)?(?::([\w.]+))?(?:=(\S+))?$/.exec(text) ?? fail(text)
  return element('xs:attribute', { name, type: simpleName(type), use: required && 'required', fixed })
}

const BUILT_IN: ReadonlySet<string> = new Set(['string', 'ID', 'IDREF', 'IDREFS', 'NMTOKEN', 'NMTOKENS', 'anyURI'])

/** Attributes are of simple types, elements of complex ones: two may have one name (the codes of an act, and an act). */
function simpleName(type: string): string {
  return BUILT_IN.has(type) ? `xs:${type}` : `simple.${type}`
}

/** Reads one sequence: names and parentheses, each with `?`, `*` or `+`. */
function sequence(text: string): XmlOut {
  if (/[^\w.:()|?*+\s]/.test(text)) fail(text)
  const signs = text.match(/[()|?*+]|[\w.:]+/g) ?? []
  let at = 0
  const repeat = () => OCCURS[/^[?*+]$/.test(signs[at] ?? '') ? (signs[at++] as keyof typeof OCCURS) : '1']
  const one = (): XmlOut => {
    const sign = signs[at++] ?? fail(text)
    if (sign !== '(') return child(sign, repeat())
    const alternatives = [row()]
    while (signs[at] === '|') {
      at += 1
      alternatives.push(row())
    }
    if (signs[at++] !== ')') fail(text)
    return element('xs:choice', repeat(), ...alternatives.map(each => (each.content.length === 1 ? each.content[0] : each)))
  }
  const row = (): XmlOut => {
    const items: XmlOut[] = []
    while (at < signs.length && signs[at] !== '|' && signs[at] !== ')') items.push(one())
    return element('xs:sequence', {}, ...items)
  }
  const whole = row()
  return at === signs.length ? whole : fail(text)
}

const OCCURS = {
  '1': {},
  '?': { minOccurs: '0' },
  '*': { minOccurs: '0', maxOccurs: 'unbounded' },
  '+': { maxOccurs: 'unbounded' },
} as const

/** A child without a type is of the class with its name. */
function child(text: string, occurs: Record<string, string>): XmlOut {
  const [name = '', type = name.charAt(0).toUpperCase() + name.slice(1)] = text.split(':')
  return element('xs:element', { name, type: BUILT_IN.has(type) ? `xs:${type}` : type, ...occurs })
}
