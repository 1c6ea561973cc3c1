import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fontoxpath from 'fontoxpath'
import { Document, type Element, type Node, parseXmlDocument } from 'slimdom'
import { type Check, type Pattern, type Rule, readSchematron, type Schematron, type Variable } from './schematron-file.ts'

/** What a schematron found in a document. Ids only: its messages quote what the document says. */
export interface Findings {
  failed: string[]
  /** checks that our engine can't evaluate: they say nothing about the document */
  unevaluated: string[]
}

/** A schematron that is ready to judge. */
export interface OpenSchematron {
  judge(document: CdaDocument): Findings
}

/** A document as the checks see it, with what is found fast in it. */
export interface CdaDocument {
  document: Document
  /** of its elements */
  names: ReadonlySet<string>
  /** roots of its templateIds */
  templates: ReadonlySet<string>
}

/** @param xml text of a CDA that was read before: well-formed, no DTD. Of a self-presentable one, the document inside is what is judged */
export function openDocument(xml: string): CdaDocument {
  const document = alone(parseXmlDocument(xml))
  const [names, templates] = [new Set<string>(), new Set<string>()]
  const visit = (element: Element) => {
    names.add(element.localName)
    if (element.localName === 'templateId') templates.add(element.getAttribute('root') ?? '')
    for (const child of element.children) visit(child)
  }
  if (document.documentElement) visit(document.documentElement)
  return { document, names, templates }
}

function alone(whole: Document): Document {
  if (whole.documentElement?.localName === 'ClinicalDocument') return whole
  const cda = whole.getElementsByTagNameNS('urn:hl7-org:v3', 'ClinicalDocument')[0]
  if (!cda) return whole
  for (let above = cda.parentElement; above; above = above.parentElement) {
    // What is declared further out holds inside too, unless it is declared anew: types are named by it.
    for (const { name, prefix, value } of above.attributes) {
      const isDeclaration = name === 'xmlns' || prefix === 'xmlns'
      if (isDeclaration && !cda.hasAttribute(name)) cda.setAttributeNS('http://www.w3.org/2000/xmlns/', name, value)
    }
  }
  const document = new Document()
  document.appendChild(document.adoptNode(cda))
  return document
}

/** @throws Error that names what can't be read */
export function openSchematron(file: string): OpenSchematron {
  const schematron = readSchematron(file)
  const evaluate = evaluatorOf(schematron)
  // What a pattern declares holds in all (so the reference implementation, and the ANS's files): its own last, over the others'.
  const declared = [...schematron.variables, ...schematron.patterns.flatMap(each => each.variables)]
  const patterns = schematron.patterns.map(each => compiledPattern(each, declared))
  return { judge: document => judgeAll(patterns, document, evaluate) }
}

interface CompiledPattern {
  rules: CompiledRule[]
}

/** What a context asks for at its end, where it is plain: what is not in the document need not be looked for. */
interface Context {
  path: string
  name: string | undefined
  template: string | undefined
}

interface CompiledRule {
  contexts: Context[]
  /** each expression is true when its check fails */
  checks: { id: string; expression: string }[]
}

const { evaluateXPath, evaluateXPathToBoolean, evaluateXPathToNodes, registerCustomXPathFunction } = fontoxpath

const OURS = 'urn:pli:schematron'
const FN = 'http://www.w3.org/2005/xpath-functions'

interface Evaluator {
  nodes(path: string, document: Document): Node[]
  holds(expression: string, node: Node): boolean
}

const files = new Map<string, Document | null>()

interface Called {
  /** folder of the schematron */
  currentContext?: string
}

const register = (localName: string, types: string[], result: string, body: (called: Called, ...values: never[]) => unknown) =>
  registerCustomXPathFunction({ namespaceURI: OURS, localName }, types, result, body as never)

/** What the rules of the ANS use and our engine lacks. Names with a namespace are compared, nothing else: text does for them. */
register('document', ['xs:string?'], 'node()?', ({ currentContext = '' }, path: string | null) =>
  path === null ? null : openTable(currentContext, path),
)
register('matches', ['xs:string?', 'xs:string', 'xs:string'], 'xs:boolean', (_, text: string | null, pattern: string, flags: string) =>
  new RegExp(pattern, flags.replace(/[^ims]/g, '')).test(text ?? ''),
)
register(
  'QName',
  ['xs:string?', 'xs:string'],
  'xs:string',
  (_, uri: string | null, name: string) => `{${uri ?? ''}}${name.split(':').at(-1)}`,
)
register('resolve-QName', ['xs:string?', 'element()'], 'xs:string?', (_, name: string | null, element: Element) => {
  if (name === null) return null
  const [local = '', prefix] = name.trim().split(':').reverse()
  return `{${element.lookupNamespaceURI(prefix ?? null) ?? ''}}${local}`
})

/** Our own in place of a function of XPath or XSLT, by name and number of arguments. */
const OWN: Readonly<Record<string, string>> = {
  'document/1': 'document',
  'doc/1': 'document',
  'matches/3': 'matches',
  'QName/2': 'QName',
  'resolve-QName/2': 'resolve-QName',
}

/** The ANS names its tables from the folder of the schematrons, or from the one that holds the file. */
function openTable(folder: string, path: string): Document {
  const file = [join(folder, path), join(folder, '..', path)].find(each => existsSync(each))
  if (file === undefined) throw new Error('a table is missing')
  const known = files.get(file) ?? parseXmlDocument(readFileSync(file, 'utf8').replace(/^\ufeff/, ''))
  files.set(file, known)
  return known
}

function evaluatorOf({ folder, namespaces }: Schematron): Evaluator {
  const options = {
    namespaceResolver: (prefix: string) => (prefix === '' ? '' : (namespaces.get(prefix) ?? KNOWN[prefix] ?? null)),
    functionNameResolver: ({ prefix, localName }: { prefix: string; localName: string }, arity: number) => {
      const own = prefix === '' || prefix === 'fn' ? OWN[`${localName}/${arity}`] : undefined
      if (own !== undefined) return { namespaceURI: OURS, localName: own }
      const namespaceURI = prefix === '' ? FN : (KNOWN[prefix] ?? namespaces.get(prefix))
      return namespaceURI === undefined ? null : { namespaceURI, localName }
    },
    currentContext: folder,
    language: evaluateXPath.XPATH_3_1_LANGUAGE,
  }
  return {
    nodes: (path, document) => evaluateXPathToNodes(path, document, null, {}, options as never),
    holds: (expression, node) => evaluateXPathToBoolean(expression, node, null, {}, options as never),
  }
}

const KNOWN: Readonly<Record<string, string>> = {
  xs: 'http://www.w3.org/2001/XMLSchema',
  fn: FN,
  xsi: 'http://www.w3.org/2001/XMLSchema-instance',
  xml: 'http://www.w3.org/XML/1998/namespace',
}

function judgeAll(patterns: readonly CompiledPattern[], document: CdaDocument, evaluate: Evaluator): Findings {
  const failed = new Set<string>()
  const unevaluated = new Set<string>()
  for (const { rules } of patterns) {
    const judged = new Set<Node>()
    for (const rule of rules) {
      for (const node of contextNodes(rule, document, evaluate, unevaluated)) {
        if (judged.has(node)) continue
        judged.add(node)
        judgeNode(rule, node, evaluate, failed, unevaluated)
      }
    }
  }
  return { failed: [...failed], unevaluated: [...unevaluated] }
}

function contextNodes(
  rule: CompiledRule,
  { document, names, templates }: CdaDocument,
  evaluate: Evaluator,
  unevaluated: Set<string>,
): Node[] {
  return rule.contexts.flatMap(({ path, name, template }) => {
    if ((name !== undefined && !names.has(name)) || (template !== undefined && !templates.has(template))) return []
    try {
      return evaluate.nodes(path, document)
    } catch {
      for (const { id } of rule.checks) unevaluated.add(id)
      return []
    }
  })
}

function judgeNode(rule: CompiledRule, node: Node, evaluate: Evaluator, failed: Set<string>, unevaluated: Set<string>): void {
  for (const { id, expression } of rule.checks) {
    try {
      if (evaluate.holds(expression, node)) failed.add(id)
    } catch {
      unevaluated.add(id)
    }
  }
}

function compiledPattern({ variables, rules }: Pattern, globals: readonly Variable[]): CompiledPattern {
  return { rules: rules.map(rule => compiledRule(rule, [...globals, ...variables])) }
}

function compiledRule({ context, steps }: Rule, outer: readonly Variable[]): CompiledRule {
  const checks = steps.filter((each): each is Check => 'test' in each)
  const above = outer.map(({ name, value }) => ({ name, value: `root(.)/(${value})` })) // they are of the whole document
  return {
    contexts: alternatives(context).map(path => ({ path: fromRoot(path), name: lastName(path), template: lastTemplate(path) })),
    checks: checks.map(check => ({ id: check.id, expression: expressionOf(neededOf([...above, ...steps], check), check) })),
  }
}

/** The variables that stand before a check and that it uses, through others too. */
function neededOf(steps: readonly (Variable | Check)[], check: Check): Variable[] {
  const before = steps.slice(0, steps.indexOf(check)).filter((each): each is Variable => 'value' in each)
  const needed: Variable[] = []
  const uses = (text: string, name: string) => text.split('$').some(part => /^[\w.-]+/.exec(part)?.[0] === name)
  for (const each of before.toReversed()) {
    if (uses(check.test, each.name) || needed.some(({ value }) => uses(value, each.name))) needed.push(each)
  }
  return needed.toReversed()
}

/** One expression for a check, with what it needs before it. `current()` of XSLT is the node that is judged. */
function expressionOf(variables: readonly Variable[], { test, isReport }: Check): string {
  const lets = [{ name: CURRENT, value: '.' }, ...variables].map(
    ({ name, value }) => `let $${name} := ${ownCurrent(single(value))} return `,
  )
  const [before, after] = isReport ? ['boolean(', ')'] : ['not(', ')']
  return `${lets.join('')}${before}${ownCurrent(single(test))}${after}`
}

const CURRENT = 'pli-current'

function ownCurrent(text: string): string {
  return text.replace(/\bcurrent\(\s*\)/g, `$${CURRENT}`)
}

/** Several expressions with commas between them are one in parentheses. Never without need: the parser is slow in nested ones. */
function single(text: string): string {
  return text.includes(',') ? `(${text})` : text
}

/** A context holds wherever it ends; what starts at the document, of which there is one, need not be looked for. */
function fromRoot(path: string): string {
  const absolute = path.startsWith('/') ? path : `//${path}`
  return absolute.replace(/^\/\/((?:[\w-]+:)?ClinicalDocument)(?=[/[]|$)/, '/$1')
}

/** A context may be several, with `|` between them where no bracket and no quote holds it. */
function alternatives(context: string): string[] {
  const found: string[] = []
  let [start, depth, quote] = [0, 0, '']
  for (const [index, sign] of [...context].entries()) {
    if (quote !== '') quote = sign === quote ? '' : quote
    else if (sign === '"' || sign === "'") quote = sign
    else if (sign === '[' || sign === '(') depth += 1
    else if (sign === ']' || sign === ')') depth -= 1
    else if (sign === '|' && depth === 0) {
      found.push(context.slice(start, index))
      start = index + 1
    }
  }
  return [...found, context.slice(start)].map(each => each.trim()).filter(each => each !== '')
}

/** @returns the template that the last step asks for, in a predicate that asks for nothing else */
function lastTemplate(path: string): string | undefined {
  const asked = /\[\s*(?:[\w-]+:)?templateId(?:\/@root\s*=\s*(["'])([\d.]+)\1|\[\s*@root\s*=\s*(["'])([\d.]+)\3\s*\])\s*\]$/.exec(path)
  return asked?.[2] ?? asked?.[4]
}

/** @returns the name that the last step of a path asks for; undefined when it is another kind of step */
function lastName(path: string): string | undefined {
  let plain = path
  for (let before = ''; before !== plain; ) {
    before = plain
    plain = plain.replace(/\[[^[\]]*\]/g, '')
  }
  return /(?:^|\/)(?:[\w.-]+:)?([\w.-]+)$/.exec(plain.trim())?.[1]
}
