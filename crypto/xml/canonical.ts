import { parseXml, type Tag, type XmlSink } from './parse.ts'

/** Canonical XML 1.0, inclusive (REC-xml-c14n-20010315) or exclusive (REC-xml-exc-c14n-20020718, without a PrefixList). */
export interface CanonicalOptions {
  exclusive: boolean
  comments: boolean
  /** The element to canonicalise, with what it holds; default: the whole document. */
  apex?: (tag: Tag, depth: number) => boolean
  /** Elements to leave out with what they hold (the enveloped-signature transform). */
  leaveOut?: (tag: Tag, depth: number) => boolean
}

/** Names of one element, and behind them those of its ancestors: nothing is copied, however much is declared. */
interface Names {
  own: ReadonlyMap<string, string>
  outer: Names | undefined
}
interface Scope {
  /** prefix → namespace, in scope here; '' is the default namespace */
  names: Names
  /** xml:lang, xml:space, … in scope here, as attribute name → value */
  xml: Names
}

const NOTHING: Names = { own: new Map(), outer: undefined }

/**
 * Canonicalises a document.
 * @returns the canonical form; its UTF-8 octets are what is digested
 * @throws XmlFault
 */
export function canonicalise(xml: string, options: CanonicalOptions): string {
  const sink = new Canonical(options)
  parseXml(xml, [sink])
  return sink.result()
}

/** Writes the canonical form while the document is parsed: memory is that of the output, and no tree is built. */
export class Canonical implements XmlSink {
  /** How many elements were taken as apex. */
  found = 0
  readonly #options: CanonicalOptions
  readonly #out: string[] = []
  readonly #scopes: Scope[] = [{ names: NOTHING, xml: NOTHING }]
  readonly #written: Names[] = [NOTHING]
  #apexDepth = -1
  #skipDepth = -1
  #rootSeen = false

  constructor(options: CanonicalOptions) {
    this.#options = options
  }

  result(): string {
    return this.#out.join('')
  }

  open(tag: Tag, depth: number): void {
    const outer = this.#scopes.at(-1)!
    const scope = { names: extended(outer.names, Object.entries(tag.ns)), xml: extended(outer.xml, xmlAttributes(tag)) }
    this.#scopes.push(scope)
    this.#rootSeen = true
    if (this.#skipDepth >= 0) return
    const isApex = this.#apexDepth < 0 && (this.#options.apex?.(tag, depth) ?? depth === 0)
    if (isApex) {
      this.found++
      this.#apexDepth = depth
    }
    if (this.#apexDepth < 0) return
    if (this.#options.leaveOut?.(tag, depth)) this.#skipDepth = depth
    else this.#write(tag, scope, isApex)
  }

  close(tag: Tag, depth: number): void {
    this.#scopes.pop()
    if (this.#skipDepth >= 0) {
      if (this.#skipDepth === depth) this.#skipDepth = -1
      return
    }
    if (this.#apexDepth < 0) return
    this.#out.push('</', tag.name, '>')
    this.#written.pop()
    if (depth === this.#apexDepth) this.#apexDepth = -1
  }

  text(text: string): void {
    if (this.#isWriting()) this.#out.push(escapeText(text))
  }

  comment(text: string): void {
    if (this.#options.comments) this.#outsideToo(`<!--${text.replaceAll('\r', '&#xD;')}-->`)
  }

  instruction(target: string, body: string): void {
    this.#outsideToo(`<?${target}${body ? ` ${body.replaceAll('\r', '&#xD;')}` : ''}?>`)
  }

  /** Comments and instructions around the root stand on lines of their own (c14n §2.3). */
  #outsideToo(node: string): void {
    if (this.#isWriting()) this.#out.push(node)
    else if (this.#options.apex === undefined && this.#scopes.length === 1) this.#out.push(this.#rootSeen ? `\n${node}` : `${node}\n`)
  }

  #isWriting(): boolean {
    return this.#apexDepth >= 0 && this.#skipDepth < 0
  }

  #write(tag: Tag, scope: Scope, isApex: boolean): void {
    const before = this.#written.at(-1)!
    const fresh = [...this.#needed(tag, scope, isApex)].filter(([prefix, uri]) => (lookUp(before, prefix) ?? '') !== uri)
    this.#written.push(extended(before, fresh))
    this.#out.push('<', tag.name)
    for (const [prefix, uri] of fresh.sort(byName)) this.#out.push(prefix ? ` xmlns:${prefix}="` : ' xmlns="', escapeAttribute(uri), '"')
    for (const [name, value] of attributesOf(tag, !this.#options.exclusive && isApex ? scope.xml : NOTHING)) {
      this.#out.push(' ', name, '="', escapeAttribute(value), '"')
    }
    this.#out.push('>')
  }

  /** Inclusive: what is in scope at the apex; below it only an element's own declarations are new. */
  #needed(tag: Tag, scope: Scope, isApex: boolean): ReadonlyMap<string, string> {
    if (this.#options.exclusive) return visiblyUsed(tag, scope.names)
    if (isApex) return allOf(scope.names)
    return scope.names === this.#scopes.at(-2)!.names ? NOTHING.own : scope.names.own
  }
}

/** exc-c14n §1.1: the prefixes of the element and of its attributes; an attribute without prefix uses none. */
function visiblyUsed(tag: Tag, names: Names): ReadonlyMap<string, string> {
  const used = new Map([[tag.prefix, lookUp(names, tag.prefix) ?? '']])
  for (const { prefix } of Object.values(tag.attributes)) {
    if (prefix && prefix !== 'xml' && prefix !== 'xmlns') used.set(prefix, lookUp(names, prefix) ?? '')
  }
  used.delete('xml')
  return used
}

/** Sorted by namespace, then by local name (c14n §2.2); an apex also gets the xml: attributes of its ancestors (c14n §2.4). */
function attributesOf(tag: Tag, inherited: Names): [name: string, value: string][] {
  const own = Object.values(tag.attributes).filter(({ name, prefix }) => prefix !== 'xmlns' && name !== 'xmlns')
  const sortable = own.map(({ uri, local, name, value }) => ({ uri, local, name, value }))
  for (const [name, value] of allOf(inherited)) {
    if (!tag.attributes[name]) sortable.push({ uri: 'http://www.w3.org/XML/1998/namespace', local: name.slice(4), name, value })
  }
  if (sortable.length > 1) sortable.sort((a, b) => compare(a.uri, b.uri) || compare(a.local, b.local))
  return sortable.map(({ name, value }) => [name, value])
}

function xmlAttributes(tag: Tag): [string, string][] {
  return Object.values(tag.attributes)
    .filter(({ prefix }) => prefix === 'xml')
    .map(({ name, value }) => [name, value])
}

function extended(outer: Names, entries: [string, string][]): Names {
  const added = entries.filter(([name]) => name !== 'xml')
  return added.length === 0 ? outer : { own: new Map(added), outer }
}

function lookUp(names: Names, name: string): string | undefined {
  for (let each: Names | undefined = names; each; each = each.outer) {
    const value = each.own.get(name)
    if (value !== undefined) return value
  }
  return undefined
}

function allOf(names: Names): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (let each: Names | undefined = names; each; each = each.outer) {
    for (const [name, value] of each.own) if (!all.has(name)) all.set(name, value)
  }
  return all
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return compare(a, b)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const TEXT: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' }
const ATTRIBUTE: Record<string, string> = { '&': '&amp;', '<': '&lt;', '"': '&quot;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' }

/** Escapes character data as canonical XML does. */
export function escapeText(text: string): string {
  return /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, character => TEXT[character]!) : text
}

/** Escapes an attribute value as canonical XML does. */
export function escapeAttribute(value: string): string {
  return /[&<"\t\n\r]/.test(value) ? value.replace(/[&<"\t\n\r]/g, character => ATTRIBUTE[character]!) : value
}
