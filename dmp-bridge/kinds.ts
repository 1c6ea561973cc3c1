import { hidesHl7 } from './hl7v2.ts'
import { looksLikeHprim } from './hprim.ts'
import type { Reason } from './reasons.ts'

/** What bytes are, by their first ones. Names and declared types lie, so they are asked last. */
export type Kind = 'zip' | 'pdf' | 'rtf' | 'image' | 'xml' | 'encrypted' | 'other'

const IMAGES: readonly number[][] = [
  [0xff, 0xd8, 0xff],
  [0x89, 0x50, 0x4e, 0x47],
  [0x47, 0x49, 0x46, 0x38],
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
]

/** @returns the kind of a file by its content */
export function kindOf(content: Uint8Array): Kind {
  const head = bufferOf(content).toString('latin1', 0, 1024)
  if (/^PK(\x03\x04|\x05\x06)/.test(head)) return 'zip'
  if (head.startsWith('{\\rtf')) return 'rtf'
  if (IMAGES.some(mark => mark.every((byte, index) => content[index] === byte))) return 'image'
  if (/^(\xef\xbb\xbf)?\s*</.test(head) || /^(\xff\xfe<\0|\xfe\xff\0<)/.test(head)) return 'xml' // before PDF: a comment may hold its mark
  if (head.includes('%PDF-')) return 'pdf' // ISO 32000 annex H: anywhere in the first 1,024 bytes
  return 'other'
}

/** @returns whether an XML file speaks of a ClinicalDocument at all, before any parser runs */
export function looksLikeCda(content: Uint8Array): boolean {
  if (kindOf(content) !== 'xml') return false
  const bytes = bufferOf(content)
  return bytes.includes('ClinicalDocument') || bytes.includes(Buffer.from('ClinicalDocument', 'utf16le'))
}

/**
 * A file that says it is a document, or holds some, and is not: only a human can tell what was meant.
 * @param name of the file, any case
 * @param type declared media type, lower case, when there is one
 */
export function pretence(name: string, content: Uint8Array, type = ''): Reason | undefined {
  const saysZip = /\.zip$/i.test(name) || /^application\/(x-)?zip(-compressed)?\b/.test(type)
  if (saysZip && kindOf(content) !== 'zip') return 'zip-malformed'
  return looksLikeCda(content) && !isStylesheet(content) ? 'not-a-cda' : undefined
}

/** @returns whether the text that a reader sees hides a document: software that attaches one badly makes it part of the text */
export function hidesDocument(text: string): boolean {
  const bare = text.replaceAll('\0', '')
  return bare.includes('ClinicalDocument') || hidesHl7(bare) || /(^|\n)\s*PK(\x03\x04|\x05\x06)/.test(bare)
}

/**
 * Why a file that is no CDA is left alone. A later piece of work wraps some of them (PDF, HPRIM, images, RTF).
 * What HL7 v2 and HPRIM hold is read before (`others.ts`).
 * @param name of the file, any case
 * @param type declared media type, lower case, when there is one
 */
export function plainKind(name: string, content: Uint8Array, type = ''): Reason {
  const extension = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  if (/^application\/(x-)?pkcs7-mime|^application\/pgp-encrypted/.test(type) || extension === 'p7m') return 'encrypted'
  if (/(^|\/)(readme\.txt|index\.html?)$/i.test(name)) return 'technical' // ITI TF-2 3.32.4.1.2
  switch (kindOf(content)) {
    case 'pdf':
      return 'pdf-alone'
    case 'rtf':
      return 'rtf'
    case 'image':
      return 'image'
    case 'xml':
      return extension === 'xsl' || extension === 'xslt' || isStylesheet(content) ? 'stylesheet' : 'unrelated'
    default:
      return extension === 'txt' || type === 'text/plain' ? 'text' : 'unrelated'
  }
}

/** @returns whether a file is HPRIM Médecin, by what it holds, or by a name that nothing else has */
export function isHprim(name: string, content: Uint8Array): boolean {
  if (kindOf(content) !== 'other') return false
  return looksLikeHprim(content) || /\.(hpr|hpm|hprim)$/i.test(name)
}

function isStylesheet(content: Uint8Array): boolean {
  return /<(?:[\w.-]+:)?(?:stylesheet|transform)\s/.test(bufferOf(content).toString('latin1', 0, 4096))
}

function bufferOf(content: Uint8Array): Buffer {
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
}
