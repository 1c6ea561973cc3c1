import { SaxesParser, type SaxesTagNS } from 'saxes'
import { Fault } from '../../config/index.ts'
import { readingRuns } from './text-runs.ts'

export type Tag = SaxesTagNS

/** Receives one document's events. `depth` is 0 for the root; `end` is the offset just behind the event in the text. */
export interface XmlSink {
  open?(tag: Tag, depth: number, end: number): void
  close?(tag: Tag, depth: number, end: number): void
  text?(text: string): void
  comment?(text: string): void
  instruction?(target: string, body: string): void
}

/** Why a text was not taken as XML. The message never quotes the text. */
export class XmlFault extends Fault<'malformed' | 'doctype' | 'too-complex'> {
  override readonly name = 'XmlFault'
}

const DEEPEST = 512
/** Namespaces declared by one element and its ancestors: what looks a name up, or writes all of them, stays quick. */
const MOST_DECLARATIONS = 256

/**
 * Parses XML 1.0 with namespaces, strictly, in one pass; several readers may listen to it, so that all of them see the same document.
 * A DTD is refused, and with it every entity beyond the five predefined ones.
 * @param xml the decoded text
 * @throws XmlFault
 */
export function parseXml(xml: string, sinks: readonly XmlSink[]): void {
  const parser = readingRuns(new SaxesParser({ xmlns: true, position: true }))
  let depth = 0
  let declared = 0
  parser.on('error', error => {
    throw new XmlFault('malformed', `the XML is not well-formed (line ${parser.line}: ${safe(error)})`)
  })
  parser.on('xmldecl', ({ version, encoding }) => {
    if (version !== '1.0') throw new XmlFault('malformed', 'only XML 1.0 is read')
    if (encoding && !/^(utf-8|us-ascii)$/i.test(encoding)) throw new XmlFault('malformed', 'the XML is not in UTF-8')
  })
  parser.on('doctype', () => {
    throw new XmlFault('doctype', 'a document type declaration is not accepted')
  })
  parser.on('opentag', tag => {
    declared += Object.keys(tag.ns).length
    if (depth >= DEEPEST) throw new XmlFault('too-complex', 'the XML is nested too deeply')
    if (declared > MOST_DECLARATIONS) throw new XmlFault('too-complex', 'the XML declares too many namespaces')
    for (const sink of sinks) sink.open?.(tag, depth, parser.position)
    depth++
  })
  parser.on('closetag', tag => {
    depth--
    declared -= Object.keys(tag.ns).length
    for (const sink of sinks) sink.close?.(tag, depth, parser.position)
  })
  const text = (value: string) => {
    if (depth > 0) for (const sink of sinks) sink.text?.(value)
  }
  parser.on('text', text)
  parser.on('cdata', text)
  parser.on('comment', value => {
    for (const sink of sinks) sink.comment?.(value)
  })
  parser.on('processinginstruction', ({ target, body }) => {
    for (const sink of sinks) sink.instruction?.(target, body)
  })
  parser.write(xml).close()
}

/** The parser's own words without the names and values that it quotes from the document. */
function safe({ message }: Error): string {
  return message
    .replace(/^\S*\d+:\d+: /, '')
    .replace(/[:'"`(].*$/s, '')
    .trim()
}
