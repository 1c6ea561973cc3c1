import { inflateSync } from 'node:zlib'
import type { PDFArray, PDFContext, PDFDict, PDFName, PDFObject, PDFRawStream } from '@cantoo/pdf-lib'
import { judgeObject, type PdfTools } from './pdf-objects.ts'
import { isPdfA1 } from './xmp.ts'

/** Why a PDF is not PDF/A-1 (ISO 19005-1), by what was found. The codes name no content. */
export type PdfFault =
  | 'header'
  | 'trailing'
  | 'object-streams'
  | 'no-id'
  | 'no-xmp'
  | 'xmp-says-other'
  | 'no-output-intent'
  | 'font-not-embedded'
  | 'transparency'
  | 'lzw'
  | 'external'
  | 'optional-content'
  | 'annotation'
  | 'action'
  | 'image'
  | 'form'

/** What is known of a PDF. `encrypted` and `active` ones are wrapped by nobody, whatever the rest says. */
export interface PdfFacts {
  encrypted: boolean
  /** it holds scripts, launches programs, plays media or carries other files */
  active: boolean
  /** it could not be looked through: too large, or broken */
  unreadable: boolean
  /** in the order of `PdfFault`; empty means that nothing speaks against PDF/A-1 */
  faults: PdfFault[]
}

/** The pages of a letter take a few hundred objects; pdf-lib reads this many in a second or two. */
const MOST_BYTES = 20 * 1024 * 1024
const MOST_OBJECTS = 20_000
const MOST_PROFILE_BYTES = 4 * 1024 * 1024

/**
 * Checks a PDF against PDF/A-1, level B, as far as its objects tell. It is no veraPDF: content streams, glyph widths, colour spaces used
 * without the profile, and the agreement of XMP with the information dictionary are not looked at; a font that only hidden text uses has to be
 * embedded here, and is not asked for by the standard. What it lets pass says of itself that it is PDF/A-1, opens anywhere, and does nothing.
 */
export async function checkPdf(bytes: Uint8Array): Promise<PdfFacts> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const seen = scan(buffer)
  // Objects in streams are compressed: no look at the bytes sees into them, and PDF/A-1 has none (6.1.4).
  if (seen.unreadable || seen.encrypted || seen.faults.length > 0) return seen
  try {
    const { active, faults } = await judge(bytes, seen.active)
    const ends = /%%EOF(?:\r\n|\r|\n)?$/.test(buffer.toString('latin1', buffer.length - 16)) // 6.1.3
    return { ...seen, active, faults: ends ? faults : ['trailing', ...faults] }
  } catch {
    return { ...seen, unreadable: true }
  }
}

/** What the bytes tell before any parser runs. Names may be written with `#xx`; readers pick different objects of one number, so all are looked at. */
function scan(buffer: Buffer): PdfFacts {
  if (buffer.length > MOST_BYTES) return { encrypted: false, active: false, unreadable: true, faults: [] }
  const text = buffer.toString('latin1')
  const names = text.includes('#')
    ? text.replace(/#([\da-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text
  const has = (pattern: RegExp) => pattern.test(text) || (names !== text && pattern.test(names))
  const objects = text.match(/\d[ \t\r\n]+obj\b/g)?.length ?? 0
  const faults: PdfFault[] = []
  if (!/^%PDF-1\.[0-7][\r\n]+%[\x80-\xff]{4}/.test(text)) faults.push('header') // 6.1.2
  if (has(/\/(?:ObjStm|XRef)\b/)) faults.push('object-streams')
  return {
    encrypted: has(/\/Encrypt\b/),
    active: has(/\/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia\w*|XFA|ImportData|Rendition)\b/),
    unreadable: objects > MOST_OBJECTS,
    faults,
  }
}

async function judge(bytes: Uint8Array, wasActive: boolean): Promise<Pick<PdfFacts, 'active' | 'faults'>> {
  const lib = await import('@cantoo/pdf-lib') // takes a second to load, and most threads never need it
  const document = await lib.PDFDocument.load(bytes, {
    ignoreEncryption: true,
    throwOnInvalidObject: true,
    warnOnInvalidObjects: false,
    updateMetadata: false,
    parseSpeed: Number.POSITIVE_INFINITY,
  })
  const { context, catalog } = document
  const tools: PdfTools = { lib, context }
  const faults = new Set<PdfFault>()
  if (!(context.trailerInfo.ID instanceof lib.PDFArray)) faults.add('no-id') // 6.1.3
  judgeMetadata(catalog, tools, faults)
  if (!hasOutputIntent(catalog, tools)) faults.add('no-output-intent') // 6.2.2
  if (catalog.has(name(tools, 'OCProperties'))) faults.add('optional-content') // 6.1.13
  let active = wasActive
  for (const [, object] of context.enumerateIndirectObjects()) {
    for (const found of judgeObject(object, tools)) {
      if (found === 'active') active = true
      else faults.add(found)
    }
  }
  return { active, faults: [...faults] }
}

/** XMP that any reader finds without knowing PDF: a stream that is not compressed (6.7.2), which says part 1 (6.7.11). */
function judgeMetadata(catalog: PDFDict, tools: PdfTools, faults: Set<PdfFault>): void {
  const stream = lookup(tools.context, catalog.get(name(tools, 'Metadata')))
  if (!(stream instanceof tools.lib.PDFRawStream) || stream.dict.has(name(tools, 'Filter'))) faults.add('no-xmp')
  else if (!isPdfA1(stream.contents)) faults.add('xmp-says-other')
}

function hasOutputIntent(catalog: PDFDict, tools: PdfTools): boolean {
  const { lib, context } = tools
  const intents = lookup(context, catalog.get(name(tools, 'OutputIntents')))
  if (!(intents instanceof lib.PDFArray)) return false
  return (intents as PDFArray).asArray().some(each => {
    const intent = lookup(context, each)
    if (!(intent instanceof lib.PDFDict) || intent.get(name(tools, 'S')) !== name(tools, 'GTS_PDFA1')) return false
    const profile = lookup(context, intent.get(name(tools, 'DestOutputProfile')))
    return profile instanceof lib.PDFRawStream && isProfile(profile, tools)
  })
}

/** An ICC profile has its signature at octet 36 (ICC.1 §7.2). */
function isProfile(stream: PDFRawStream, tools: PdfTools): boolean {
  const filter = lookup(tools.context, stream.dict.get(name(tools, 'Filter')))
  const only = filter instanceof tools.lib.PDFArray && filter.size() === 1 ? filter.get(0) : filter
  const isFlate = only === name(tools, 'FlateDecode')
  if (only !== undefined && !isFlate) return false
  const bytes = isFlate ? inflateSync(stream.contents, { maxOutputLength: MOST_PROFILE_BYTES }) : Buffer.from(stream.contents)
  return bytes.toString('latin1', 36, 40) === 'acsp'
}

function name({ lib }: PdfTools, text: string): PDFName {
  return lib.PDFName.of(text)
}

function lookup(context: PDFContext, object: PDFObject | undefined): PDFObject | undefined {
  return object === undefined ? undefined : context.lookup(object)
}
