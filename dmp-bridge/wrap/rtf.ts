import type { Reason } from '../reasons.ts'

/** Control words that carry other files, fetch something or run (RTF 1.9.1): a text does without them. */
const ACTIVE = /\\(?:object|objdata|objemb|objlink|objautlink|objupdate|objocx|objclass|template|datastore|xmlopen|ddeauto)(?![a-z])/i
const FIELDS = /\\fldinst[^}]{0,200}\b(?:INCLUDE(?:TEXT|PICTURE)?|IMPORT|LINK|DDE(?:AUTO)?|DATABASE|MACROBUTTON|RD)\b/i

/** @returns why an RTF is wrapped by nobody */
export function rtfFault(bytes: Uint8Array): Reason | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const isWhole = /^\{\\rtf1/.test(text) && /\}[\s\0]*$/.test(text)
  if (!isWhole) return 'file-unreadable'
  return ACTIVE.test(text) || FIELDS.test(text) ? 'file-active' : undefined
}
