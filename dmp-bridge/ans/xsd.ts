import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import {
  closeBuffer,
  openBuffer,
  ParseOption,
  readBuffer,
  type XmlAttribute,
  XmlDocument,
  type XmlElement,
  XsdValidator,
  xmlCleanupInputProvider,
  xmlRegisterInputProvider,
} from 'libxml2-wasm'
import { packageRoot } from '../../config/paths.ts'
import { installedSchema } from './installed-schema.ts'
import { writeSchema } from './schema-writer.ts'

/** The shape that comes with the program, in a notation of our own. */
export const SHAPE = join(packageRoot, 'dmp-bridge/schemas/cda-r2.txt')

/** Judges one CDA by its XML Schemas. Lives in a thread: libxml2 is WebAssembly here, with a memory of its own. */
export interface CdaSchemas {
  /**
   * @param bytes a document whose header was read before: well-formed, without DTD, within the limits
   * @returns whether every schema takes it
   */
  isValid(bytes: Uint8Array): boolean
}

/**
 * @param ansFiles folder of the files of the ANS: with its schema there, a document is judged by that too, foreign extensions included
 * @throws Error that names the file, when a schema can't be used
 */
export function openCdaSchemas(ansFiles?: string): CdaSchemas {
  const own = compile(SHAPE, writeSchema(readFileSync(SHAPE, 'utf8'), 'ClinicalDocument'))
  const installed = ansFiles === undefined ? undefined : installedSchema(ansFiles)
  const theirs = installed === undefined ? undefined : compileWithIncludes(installed)
  return { isValid: bytes => withDocument(bytes, cda => isValid(cda, own, theirs)) }
}

const HL7 = 'urn:hl7-org:v3'
const XSI = 'http://www.w3.org/2001/XMLSchema-instance'
/** Every size is limited before; libxml2's own limits would refuse a PDF of more than 7 MB. */
const PARSING = ParseOption.XML_PARSE_NONET | ParseOption.XML_PARSE_NO_XXE | ParseOption.XML_PARSE_HUGE | ParseOption.XML_PARSE_NOERROR

/** In a self-presentable document the CDA is inside its own style sheet. */
function withDocument(bytes: Uint8Array, judge: (cda: XmlElement) => boolean): boolean {
  const document = parse(bytes)
  if (!document) return false
  try {
    const root = document.root
    const cda = isCda(root) ? root : document.get('(//h:ClinicalDocument)[1]', { h: HL7 })
    return cda !== null && judge(cda as XmlElement)
  } finally {
    document.dispose()
  }
}

function isCda(element: XmlElement): boolean {
  return element.name === 'ClinicalDocument' && element.namespaceUri === HL7
}

function parse(bytes: Uint8Array): XmlDocument | undefined {
  try {
    return XmlDocument.fromBuffer(bytes, { option: PARSING })
  } catch {
    return undefined // what another reader of XML refuses is not valid either
  }
}

function isValid(cda: XmlElement, own: XsdValidator, theirs: XsdValidator | undefined): boolean {
  remove(cda, '//@xsi:schemaLocation | //@xsi:noNamespaceSchemaLocation') // nobody tells us where schemas are
  if (theirs && !accepts(theirs, cda)) return false
  // CDA R2 §1.4: extensions stand in namespaces of their own, and what they add can be ignored.
  remove(cda, 'descendant-or-self::*/@*[namespace-uri() != "" and namespace-uri() != $xsi]'.replace('$xsi', `"${XSI}"`))
  remove(cda, `descendant::*[namespace-uri() != "${HL7}"]`)
  return accepts(own, cda)
}

/** From the last to the first: what is inside a removed element was removed before. */
function remove(cda: XmlElement, path: string): void {
  for (const node of cda.find(path, { xsi: XSI }).toReversed()) (node as XmlElement | XmlAttribute).remove()
}

function accepts(schema: XsdValidator, cda: XmlElement): boolean {
  try {
    schema.validate(cda)
    return true
  } catch {
    return false // its messages quote what the document says
  }
}

function compile(file: string, xsd: string | Uint8Array): XsdValidator {
  try {
    const source = typeof xsd === 'string' ? Buffer.from(xsd) : xsd
    const document = XmlDocument.fromBuffer(source, { url: file, option: ParseOption.XML_PARSE_NONET })
    try {
      return XsdValidator.fromDoc(document)
    } finally {
      document.dispose()
    }
  } catch (error) {
    throw new Error(`${file} is not an XML Schema that can be used: ${(error as Error).message.trim()}`)
  }
}

/** What a schema includes is read from its folder, and from nowhere else. */
function compileWithIncludes(file: string): XsdValidator {
  const inside = resolve(dirname(file))
  const isInside = (path: string) => !relative(inside, path).startsWith('..')
  xmlRegisterInputProvider({
    match: path => isInside(path) && existsSync(path),
    open: path => openBuffer(readFileSync(path)),
    read: readBuffer,
    close: descriptor => {
      closeBuffer(descriptor)
      return true
    },
  })
  try {
    return compile(file, readFileSync(file))
  } finally {
    xmlCleanupInputProvider()
  }
}
