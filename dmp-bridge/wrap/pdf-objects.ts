import type { PDFContext, PDFDict, PDFObject } from '@cantoo/pdf-lib'
import type { PdfFault } from './pdf-a.ts'

/** The library is loaded when a PDF is there, so its classes are handed on. */
export interface PdfTools {
  lib: typeof import('@cantoo/pdf-lib')
  context: PDFContext
}

/** Real dictionaries nest a few levels; the rest is a trap. */
const MOST_DEPTH = 60

/** Actions that PDF/A-1 forbids (6.6.1) and that do something to whoever opens the file. */
const ACTIVE = new Set(['JavaScript', 'Launch', 'ImportData', 'Movie', 'Sound', 'Rendition', 'RichMediaExecute'])
/** Forbidden, and harmless. */
const INERT = new Set(['ResetForm', 'Hide', 'SetOCGState', 'Trans', 'GoTo3DView', 'SubmitForm'])
const NAMED = new Set(['NextPage', 'PrevPage', 'FirstPage', 'LastPage'])
/** Annotations that carry or play something, or are younger than PDF 1.4 (6.5.2). */
const ANNOTATIONS = new Set(['FileAttachment', 'Sound', 'Movie', 'Screen', '3D', 'RichMedia', 'Watermark', 'Redact', 'Projection'])
const SIMPLE_FONTS = new Set(['Type1', 'MMType1', 'TrueType', 'CIDFontType0', 'CIDFontType2'])

/**
 * Looks through one object of a PDF and all that it holds directly; what it refers to is an object of its own.
 * @throws Error when it is nested beyond reason
 */
export function judgeObject(object: PDFObject, tools: PdfTools, depth = 0): (PdfFault | 'active')[] {
  const { lib } = tools
  if (depth > MOST_DEPTH) throw new Error('nested too deeply')
  if (object instanceof lib.PDFArray) return object.asArray().flatMap(each => judgeObject(each, tools, depth + 1))
  const isStream = object instanceof lib.PDFStream
  const dict = isStream ? object.dict : object
  if (!(dict instanceof lib.PDFDict)) return []
  const inside = dict.values().flatMap(each => judgeObject(each, tools, depth + 1))
  const entry = reader(dict, tools)
  return [...(isStream ? judgeStream(entry) : []), ...judgeDictionary(entry), ...inside]
}

/** The entries of one dictionary, references followed. */
interface Entry {
  has(key: string): boolean
  /** text of a name; undefined for anything else */
  name(key: string): string | undefined
  /** every name of an entry that is one, or a list of them */
  names(key: string): string[]
  number(key: string): number | undefined
  isTrue(key: string): boolean
  /** entry of a dictionary that is an entry */
  inner(key: string): Entry | undefined
}

function reader(dict: PDFDict, tools: PdfTools): Entry {
  const { lib, context } = tools
  const at = (key: string) => {
    const value = dict.get(lib.PDFName.of(key))
    return value === undefined ? undefined : context.lookup(value)
  }
  const nameOf = (value: PDFObject | undefined) => (value instanceof lib.PDFName ? value.decodeText() : undefined)
  return {
    has: key => at(key) !== undefined,
    name: key => nameOf(at(key)),
    names: key => {
      const value = at(key)
      const all = value instanceof lib.PDFArray ? value.asArray().map(each => context.lookup(each)) : [value]
      return all.flatMap(each => nameOf(each) ?? [])
    },
    number: key => {
      const value = at(key)
      return value instanceof lib.PDFNumber ? value.asNumber() : undefined
    },
    isTrue: key => at(key) === lib.PDFBool.True,
    inner: key => {
      const value = at(key)
      if (value instanceof lib.PDFDict) return reader(value, tools)
      return value instanceof lib.PDFStream ? reader(value.dict, tools) : undefined
    },
  }
}

function judgeStream(entry: Entry): PdfFault[] {
  const faults: PdfFault[] = []
  const filters = entry.names('Filter')
  if (filters.includes('LZWDecode')) faults.push('lzw') // 6.1.10
  if (filters.includes('JPXDecode') || filters.includes('Crypt')) faults.push('image') // younger than PDF 1.4
  if (['F', 'FFilter', 'FDecodeParms'].some(key => entry.has(key))) faults.push('external') // 6.1.7
  const subtype = entry.name('Subtype')
  if (subtype === 'Image' && (entry.has('Alternates') || entry.has('OPI') || entry.isTrue('Interpolate'))) faults.push('image') // 6.2.4
  if (subtype === 'PS' || (subtype === 'Form' && (entry.has('OPI') || entry.has('PS') || entry.has('Ref')))) faults.push('external') // 6.2.5–6.2.7
  return faults
}

function judgeDictionary(entry: Entry): (PdfFault | 'active')[] {
  const found: (PdfFault | 'active')[] = []
  const [type, subtype, action] = [entry.name('Type'), entry.name('Subtype'), entry.name('S')]
  if (entry.has('JS') || entry.has('EF') || entry.has('EmbeddedFiles') || entry.has('XFA') || type === 'EmbeddedFile') found.push('active')
  if (action !== undefined && ACTIVE.has(action)) found.push('active')
  if (action !== undefined && INERT.has(action)) found.push('action')
  if (action === 'Named' && !NAMED.has(entry.name('N') ?? '')) found.push('action')
  if (entry.has('AA')) found.push('action') // 6.6.2
  if (type === 'Annot' || entry.has('Rect')) {
    if (subtype !== undefined && ANNOTATIONS.has(subtype)) found.push('annotation')
  }
  if (isTransparent(entry)) found.push('transparency')
  if (entry.isTrue('NeedAppearances')) found.push('form') // 6.9
  if (type === 'Font' && SIMPLE_FONTS.has(subtype ?? '') && !hasProgram(entry)) found.push('font-not-embedded') // 6.3.4
  return found
}

/** 6.4: soft masks, opacity, blend modes and groups. */
function isTransparent(entry: Entry): boolean {
  if (entry.has('SMask') && entry.name('SMask') !== 'None') return true
  if ((entry.number('SMaskInData') ?? 0) !== 0) return true
  if ([entry.number('CA'), entry.number('ca')].some(each => each !== undefined && each !== 1)) return true
  if (entry.has('BM') && !entry.names('BM').every(each => each === 'Normal' || each === 'Compatible')) return true
  return entry.inner('Group')?.name('S') === 'Transparency'
}

function hasProgram(font: Entry): boolean {
  const descriptor = font.inner('FontDescriptor')
  return ['FontFile', 'FontFile2', 'FontFile3'].some(key => descriptor?.has(key))
}
