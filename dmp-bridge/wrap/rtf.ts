import type { Reason } from '../reasons.ts'

/** Control words that carry other files, fetch something or run (RTF 1.9.1): a text does without them. */
const ACTIVE = /\\(?:object|objdata|objemb|objlink|objautlink|objupdate|objocx|objclass|template|datastore|xmlopen|ddeauto)(?![a-z])/i
/** Fields that count, refer or lead somewhere when they are clicked; all others fetch, run or change (Word: field codes). */
const FIELDS =
  /^(?:HYPERLINK|(?:NUM|SECTION)?PAGES?|PAGEREF|(?:NOTE)?REF|SEQ|TOC|SECTION|(?:CREATE|SAVE|PRINT)?DATE|TIME|FORM(?:TEXT|CHECKBOX|DROPDOWN)|SYMBOL|EQ|MERGEFIELD|DOCPROPERTY|AUTHOR|TITLE|LISTNUM|STYLEREF)\b/i
/** The type of a field stands first in its instruction: groups and formats before it are few. */
const INSTRUCTION = 2_000

/** @returns why an RTF is wrapped by nobody */
export function rtfFault(bytes: Uint8Array): Reason | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const isWhole = /^\{\\rtf1/.test(text) && /\}[\s\0]*$/.test(text)
  if (!isWhole) return 'file-unreadable'
  return ACTIVE.test(text) || fieldsIn(text).some(each => !FIELDS.test(each)) ? 'file-active' : undefined
}

/** @returns the instruction of each field as a reader puts it together: without groups, formats and line ends, characters written as `\'xx` as themselves */
function fieldsIn(text: string): string[] {
  return [...text.matchAll(/\\fldinst(?![a-z])-?\d* ?/gi)].map(({ index, 0: word }) =>
    text
      .slice(index + word.length, index + word.length + INSTRUCTION)
      .replace(/\\'([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\\*|\\[a-z]+-?\d* ?|[{}\r\n]/gi, '')
      .trim(),
  )
}
