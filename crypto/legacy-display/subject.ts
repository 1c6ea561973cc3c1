import { isUtf8 } from 'node:buffer'
import { bodyOf, type Field } from '../smime-fields.ts'
import { textIn } from './charsets.ts'

const ENCODED_WORD = /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi
/** What would break a line, hide text or turn it round. */
const UNSHOWABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu

/**
 * @param fields of a mail, octets as latin1
 * @returns its subject as a reader shows it, in one line without anything that governs the display; undefined where there is none, or more than one
 */
export function subjectOf(fields: readonly Field[]): string | undefined {
  const [field, ...others] = fields.filter(({ name }) => name === 'subject')
  if (!field || others.length > 0) return undefined
  return (
    decodeWords(asText(bodyOf(field)))
      .replace(UNSHOWABLE, ' ')
      .replace(/\s+/g, ' ')
      .trim() || undefined
  )
}

/** RFC 6532: UTF-8. What is not was written by old programs. */
function asText(latin1: string): string {
  const octets = Buffer.from(latin1, 'latin1')
  return isUtf8(octets) ? octets.toString() : latin1
}

/** RFC 2047; in a charset that nobody here knows, a word is shown as it was written. Blanks between two encoded words are not shown; words of one charset are joined first, since some programs cut characters in two. */
function decodeWords(text: string): string {
  const joined = text.replace(/(\?=)[ \t]+(?==\?[^?\s]+\?[bq]\?[^?\s]*\?=)/gi, '$1')
  let shown = ''
  let end = 0
  let run: { charset: string; octets: Buffer[]; raw: string } | undefined
  const finish = () => {
    if (run) shown += textIn(Buffer.concat(run.octets), run.charset) ?? run.raw
    run = undefined
  }
  for (const word of joined.matchAll(ENCODED_WORD)) {
    const [raw, charset, encoding, content] = [word[0], word[1]!.toLowerCase(), word[2]!, word[3]!]
    if (word.index > end || run?.charset !== charset) finish()
    shown += joined.slice(end, word.index)
    run ??= { charset, octets: [], raw: '' }
    run.octets.push(octetsOf(encoding, content))
    run.raw += raw
    end = word.index + raw.length
  }
  finish()
  return shown + joined.slice(end)
}

function octetsOf(encoding: string, content: string): Buffer {
  if (/b/i.test(encoding)) return Buffer.from(content, 'base64')
  const octets = content.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(octets, 'latin1')
}
