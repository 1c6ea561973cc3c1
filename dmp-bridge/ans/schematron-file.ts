import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Element, type Node, parseXmlDocument } from 'slimdom'

/** A schematron with all that it includes, its abstract patterns and rules put where they are used. */
export interface Schematron {
  /** folder of the file: what the rules open is named from here */
  folder: string
  namespaces: ReadonlyMap<string, string>
  variables: Variable[]
  patterns: Pattern[]
}

export interface Pattern {
  id: string
  variables: Variable[]
  rules: Rule[]
}

/** A node is judged by the first rule of a pattern whose context it is. */
export interface Rule {
  context: string
  /** in their order: a variable holds for what comes after it */
  steps: (Variable | Check)[]
}

export interface Variable {
  name: string
  value: string
}

export interface Check {
  /** what a report names: the check's own id, its rule's, or its place in the pattern. Never what the document says */
  id: string
  test: string
  /** `report`: it fails when the test holds */
  isReport: boolean
}

/**
 * @param file the schematron that the others are included in
 * @throws Error when a file is missing or can't be read
 */
export function readSchematron(file: string): Schematron {
  const root = included(file)
  const elements = children(root)
  const patterns = elements.filter(each => each.localName === 'pattern')
  const abstract = new Map(patterns.filter(isAbstract).map(each => [each.getAttribute('id') ?? '', each]))
  const rules = new Map(
    patterns
      .flatMap(each => children(each, 'rule'))
      .filter(isAbstract)
      .map(each => [each.getAttribute('id') ?? '', each]),
  )
  const active = activeIn(root)
  const used = patterns.filter(each => !isAbstract(each) && (active === undefined || active.has(each.getAttribute('id') ?? '')))
  return {
    folder: dirname(file),
    namespaces: new Map(children(root, 'ns').map(each => [each.getAttribute('prefix') ?? '', each.getAttribute('uri') ?? ''])),
    variables: children(root, 'let').map(variableOf(new Map())),
    patterns: used.map(each => patternOf(each, abstract, rules)),
  }
}

/** Only the patterns of the default phase are asked, when there is one. */
function activeIn(root: Element): Set<string> | undefined {
  const phase = children(root, 'phase').find(each => each.getAttribute('id') === root.getAttribute('defaultPhase'))
  return phase && new Set(children(phase, 'active').map(each => each.getAttribute('pattern') ?? ''))
}

/** Every `include` is replaced by the root of the file that it names, from the folder of the file where it stands. */
function included(file: string, above: readonly string[] = []): Element {
  if (above.includes(file)) throw new Error(`${file} includes itself`)
  const root = parseXmlDocument(readFileSync(file, 'utf8').replace(/^\ufeff/, '')).documentElement
  if (!root) throw new Error(`${file} is empty`)
  includeIn(root, dirname(file), [...above, file])
  return root
}

function includeIn(element: Element, folder: string, above: readonly string[]): void {
  for (const child of [...element.children]) {
    if (child.localName !== 'include') includeIn(child, folder, above)
    else
      element.replaceChild(element.ownerDocument!.importNode(included(join(folder, child.getAttribute('href') ?? ''), above), true), child)
  }
}

type Parameters = ReadonlyMap<string, string>

function patternOf(element: Element, abstract: ReadonlyMap<string, Element>, rules: ReadonlyMap<string, Element>): Pattern {
  const model = element.getAttribute('is-a')
  const source = model === null ? element : required(abstract, model)
  const parameters = new Map(
    children(element, 'param').map(each => [each.getAttribute('name') ?? '', each.getAttribute('value') ?? ''] as const),
  )
  const id = element.getAttribute('id') ?? model ?? 'pattern'
  const idOf = (rule: Element, index: number) => rule.getAttribute('id') ?? `${id}/${index + 1}`
  return {
    id,
    variables: children(source, 'let').map(variableOf(parameters)),
    rules: children(source, 'rule')
      .filter(each => !isAbstract(each))
      .map((each, index) => ({ context: filled(each, 'context', parameters), steps: stepsOf(each, rules, parameters, idOf(each, index)) })),
  }
}

function stepsOf(rule: Element, rules: ReadonlyMap<string, Element>, parameters: Parameters, id: string): Rule['steps'] {
  return children(rule).flatMap((each, index) => {
    switch (each.localName) {
      case 'let':
        return [variableOf(parameters)(each)]
      case 'extends': {
        const name = each.getAttribute('rule') ?? ''
        return stepsOf(required(rules, name), rules, parameters, `${id}/${name}`)
      }
      case 'assert':
      case 'report':
        return isFatal(each) ? [checkOf(each, parameters, `${id}/${index + 1}`)] : []
      default:
        return []
    }
  })
}

/** What is only a warning holds nothing. */
function isFatal(check: Element): boolean {
  return !['warning', 'warn', 'info', 'information', 'hint'].includes(check.getAttribute('role') ?? check.getAttribute('flag') ?? '')
}

function checkOf(element: Element, parameters: Parameters, place: string): Check {
  const id = element.getAttribute('id') ?? place
  return { id, test: filled(element, 'test', parameters), isReport: element.localName === 'report' }
}

function variableOf(parameters: Parameters): (element: Element) => Variable {
  return element => ({ name: element.getAttribute('name') ?? '', value: filled(element, 'value', parameters) })
}

/** A parameter of an abstract pattern is text that stands for `$name`; a longer name is another one. */
function filled(element: Element, attribute: string, parameters: Parameters): string {
  const text = element.getAttribute(attribute) ?? ''
  return text.replace(/\$([\w.-]+)/g, (whole, name: string) => parameters.get(name) ?? whole)
}

function required(elements: ReadonlyMap<string, Element>, id: string): Element {
  const found = elements.get(id)
  if (!found) throw new Error(`there is no abstract ${id}`)
  return found
}

function isAbstract(element: Element): boolean {
  return element.getAttribute('abstract') === 'true'
}

function children(node: Node, name?: string): Element[] {
  const elements = (node as Element).children
  return name === undefined ? elements : elements.filter(each => each.localName === name)
}
