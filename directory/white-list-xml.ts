import { setImmediate } from 'node:timers/promises'
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { type Dn, DnFault, parseDn } from './dn.ts'
import { WhiteListFault } from './white-list-fault.ts'

export interface WhiteListEntry {
  domain: string
  dn: Dn
  /** The name as the list writes it. */
  written: string
}

/** An entry that allows nothing because its domain or its name cannot be read with certainty. */
export interface SkippedEntry {
  domain: string
  why: string
}

export interface WhiteListContent {
  generatedAt: Date
  entries: WhiteListEntry[]
  skipped: SkippedEntry[]
}

const NAMESPACE = 'https://listeblanche.mssante.fr/schema'

/** Children of each element, in the order of the schema; `*` may be repeated, the others stand exactly once. */
const CHILDREN: Record<string, readonly string[]> = {
  ListeBlancheMSSante: ['DateDeGeneration', 'ListeDomaines'],
  ListeDomaines: ['Domaine*'],
  Domaine: ['Nom', 'Description', 'DNCertificatOperateur', 'ResponsableContact', 'SupportContact', 'DateMAJ'],
}

/** Characters parsed before the event loop gets its turn: a few milliseconds' worth, so that no SMTP dialogue waits. */
const SLICE = 128 * 1024

/**
 * Reads the signed bytes of a white list, as a stream of elements.
 * @throws WhiteListFault not-well-formed, schema or date
 */
export async function readWhiteListXml(xml: string): Promise<WhiteListContent> {
  const reader = new Reader()
  for (let at = 0; at < xml.length; at += SLICE) {
    reader.write(xml.slice(at, at + SLICE))
    await setImmediate()
  }
  return reader.close()
}

class Reader {
  readonly #parser = new SaxesParser({ xmlns: true })
  readonly #path: { name: string; seen: number }[] = []
  readonly #content: { generatedAt?: Date; entries: WhiteListEntry[]; skipped: SkippedEntry[] } = { entries: [], skipped: [] }
  #fields: Record<string, string> = {}
  #text = ''

  constructor() {
    this.#parser.on('error', cause => {
      throw new WhiteListFault('not-well-formed', 'The white list is cut or is not well-formed XML', { cause })
    })
    this.#parser.on('doctype', () => {
      throw schemaFault('it has a document type declaration')
    })
    this.#parser.on('opentag', tag => this.#open(tag))
    this.#parser.on('text', text => this.#take(text))
    this.#parser.on('cdata', text => this.#take(text))
    this.#parser.on('closetag', tag => this.#close(tag))
  }

  write(slice: string): void {
    this.#parser.write(slice)
  }

  close(): WhiteListContent {
    this.#parser.close()
    const { generatedAt, entries, skipped } = this.#content
    if (!generatedAt) throw schemaFault('it is empty')
    return { generatedAt, entries, skipped }
  }

  #open(tag: SaxesTagNS): void {
    const parent = this.#path.at(-1)
    const allowed = parent ? CHILDREN[parent.name] : ['ListeBlancheMSSante']
    const expected = allowed?.[parent?.seen ?? 0]
    if (tag.uri !== NAMESPACE || expected?.replace('*', '') !== tag.local || hasForeignAttribute(tag)) {
      throw schemaFault(`<${tag.local}> is not expected in ${parent ? `<${parent.name}>` : 'this place'}`)
    }
    if (parent && !expected.endsWith('*')) parent.seen++
    this.#path.push({ name: tag.local, seen: 0 })
    this.#text = ''
  }

  #take(text: string): void {
    const name = this.#path.at(-1)?.name
    if (name !== undefined && !CHILDREN[name]) this.#text += text
    else if (/[^ \t\r\n]/.test(text)) throw schemaFault('it has text between its elements')
  }

  #close(tag: SaxesTagNS): void {
    const { name, seen } = this.#path.pop() as { name: string; seen: number }
    const missing = CHILDREN[name]?.[seen]
    if (missing !== undefined && !missing.endsWith('*')) throw schemaFault(`<${name}> has no <${missing}>`)
    if (name === 'DateDeGeneration') this.#content.generatedAt = parseDate(this.#text)
    else if (name === 'Domaine') this.#keep()
    else if (!CHILDREN[name]) this.#fields[tag.local] = this.#text
  }

  /** An entry that cannot be read allows nothing. It does not hold back the other domains' updates, withdrawals included. */
  #keep(): void {
    const { Nom = '', DNCertificatOperateur = '', DateMAJ = '' } = this.#fields
    this.#fields = {}
    parseDate(DateMAJ)
    const domain = withoutBlanks(Nom)
    try {
      if (!isDomain(domain)) throw new DnFault('Not a domain name in lower-case ASCII')
      const written = withoutBlanks(DNCertificatOperateur)
      this.#content.entries.push({ domain, dn: parseDn(written), written })
    } catch (error) {
      if (!(error instanceof DnFault)) throw error
      this.#content.skipped.push({ domain, why: error.message })
    }
  }
}

function hasForeignAttribute(tag: SaxesTagNS): boolean {
  return Object.values(tag.attributes).some((attribute: SaxesAttributeNS) => attribute.prefix !== 'xmlns' && attribute.name !== 'xmlns')
}

/** White space of XML only: a no-break space belongs to the name it stands in. */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
}

function isDomain(text: string): boolean {
  return text.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/.test(text)
}

/** xs:dateTime in UTC, the only form the list uses. */
function parseDate(text: string): Date {
  const plain = withoutBlanks(text)
  const date = new Date(plain)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(plain) || Number.isNaN(date.getTime())) {
    throw new WhiteListFault('date', `The white list has an unreadable date: ${JSON.stringify(plain.slice(0, 40))}`)
  }
  return date
}

function schemaFault(detail: string): WhiteListFault {
  return new WhiteListFault('schema', `The white list does not follow its schema: ${detail}`)
}
