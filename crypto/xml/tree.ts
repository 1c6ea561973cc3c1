import { parseXml, type Tag, type XmlSink } from './parse.ts'

/** A small element tree, for the few elements of a signature. Comments and instructions have no place in it. */
export interface Element {
  uri: string
  name: string
  attributes: Record<string, string>
  children: Element[]
  text: string
}

/** @throws XmlFault */
export function parseTree(xml: string): Element {
  const sink = new Tree()
  parseXml(xml, [sink])
  return sink.root!
}

class Tree implements XmlSink {
  root: Element | undefined
  readonly #open: Element[] = []

  open(tag: Tag): void {
    const attributes = Object.fromEntries(Object.values(tag.attributes).map(({ name, value }) => [name, value]))
    const element = { uri: tag.uri, name: tag.local, attributes, children: [], text: '' }
    this.root ??= element
    this.#open.at(-1)?.children.push(element)
    this.#open.push(element)
  }

  close(): void {
    this.#open.pop()
  }

  text(text: string): void {
    this.#open.at(-1)!.text += text
  }
}
