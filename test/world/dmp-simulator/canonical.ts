import type { XmlDocument, XmlElement, XmlNode } from './xml-tree.ts'

export const C14N = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315'
export const C14N_COMMENTS = `${C14N}#WithComments`
export const EXC_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'
export const EXC_C14N_COMMENTS = `${EXC_C14N}WithComments`

export interface CanonicalForm {
  exclusive: boolean
  comments: boolean
  /** Prefixes of InclusiveNamespaces ('' is #default); exclusive form only. */
  prefixes?: readonly string[]
  /** An element that is left out: the signature itself, for enveloped-signature. */
  without?: XmlElement
}

/** @returns the form that an algorithm URI names, or undefined when it is none of the four canonicalizations */
export function canonicalForm(algorithm: string): CanonicalForm | undefined {
  const exclusive = algorithm === EXC_C14N || algorithm === EXC_C14N_COMMENTS
  if (!exclusive && algorithm !== C14N && algorithm !== C14N_COMMENTS) return undefined
  return { exclusive, comments: algorithm.endsWith('WithComments') }
}

/** @returns the canonical octets of a document or of one element with all it holds (Canonical XML 1.0, Exclusive XML Canonicalization 1.0) */
export function canonicalize(node: XmlDocument | XmlElement, form: CanonicalForm): Buffer {
  if (node.kind === 'element') return Buffer.from(element(node, form, new Map(), true))
  let afterRoot = false
  const parts = node.children.map(child => {
    if (child.kind === 'element') {
      afterRoot = true
      return element(child, form, new Map(), true)
    }
    const text = other(child, form)
    return text === '' ? '' : afterRoot ? `\n${text}` : `${text}\n`
  })
  return Buffer.from(parts.join(''))
}

function element(node: XmlElement, form: CanonicalForm, rendered: ReadonlyMap<string, string>, apex: boolean): string {
  if (node === form.without) return ''
  const scope = inScope(node)
  const added = declarations(node, form, rendered, scope)
  const inherited = apex && !form.exclusive ? xmlAttributes(node.parent) : []
  const own = node.attributes
  const extra = inherited.filter(each => !own.some(mine => mine.uri === each.uri && mine.local === each.local))
  const attributes = [...own, ...extra].sort((a, b) => order(a.uri, b.uri) || order(a.local, b.local))
  const name = node.prefix ? `${node.prefix}:${node.local}` : node.local
  const spaces = [...added].sort(([a], [b]) => order(a, b)).map(([prefix, uri]) => ` xmlns${prefix && `:${prefix}`}="${value(uri)}"`)
  const rest = attributes.map(each => ` ${each.prefix ? `${each.prefix}:` : ''}${each.local}="${value(each.value)}"`)
  const known = new Map([...rendered, ...added])
  const inside = node.children.map(child => (child.kind === 'element' ? element(child, form, known, false) : other(child, form)))
  return `<${name}${spaces.join('')}${rest.join('')}>${inside.join('')}</${name}>`
}

/** The namespace nodes to write here: all that differ from what is written above, or (exclusive) those this element visibly uses. */
function declarations(
  node: XmlElement,
  form: CanonicalForm,
  rendered: ReadonlyMap<string, string>,
  scope: ReadonlyMap<string, string>,
): Map<string, string> {
  const used = new Set([node.prefix, ...node.attributes.map(each => each.prefix).filter(Boolean), ...(form.prefixes ?? [])])
  const added = new Map<string, string>()
  for (const prefix of form.exclusive ? used : scope.keys()) {
    const uri = scope.get(prefix) ?? ''
    if (prefix !== 'xml' && (rendered.get(prefix) ?? '') !== uri) added.set(prefix, uri)
  }
  return added
}

function inScope(node: XmlElement | undefined): Map<string, string> {
  return node ? new Map([...inScope(node.parent), ...node.declared]) : new Map()
}

/** Canonical XML 1.0 §2.4: xml:lang, xml:space … of the ancestors come down to the apex, the nearest first. */
function xmlAttributes(node: XmlElement | undefined): XmlElement['attributes'] {
  if (!node) return []
  const own = node.attributes.filter(each => each.prefix === 'xml')
  return [...own, ...xmlAttributes(node.parent).filter(each => !own.some(mine => mine.local === each.local))]
}

function other(node: Exclude<XmlNode, XmlElement>, form: CanonicalForm): string {
  if (node.kind === 'text') return node.value.replace(/[&<>\r]/g, character => ESCAPES[character] ?? character)
  if (node.kind === 'pi') return node.body === '' ? `<?${node.target}?>` : `<?${node.target} ${node.body}?>`
  return form.comments ? `<!--${node.value}-->` : ''
}

function value(text: string): string {
  return text.replace(/[&<"\t\n\r]/g, character => ESCAPES[character] ?? character)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}

/** Code point order, as the specification wants it (UTF-8 bytes compare alike). */
function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
