import type { SaxesTagNS } from 'saxes'

/** Follows a CDA as it is parsed, and tells whether a reader would see anything in it: an empty document is not sent (EX_GEN-1060). */
export class VisibleContent {
  /** names of the elements that are open, from the body on */
  readonly #open: string[] = []
  /** text and rich text of a document of level 1; what other formats show is not ours to tell */
  #payload: { mediaType: string; isBase64: boolean; pieces: string[] } | undefined
  #isSeen = false

  open({ local, attributes }: SaxesTagNS): void {
    if (this.#open.length === 0 && local !== 'structuredBody' && local !== 'nonXMLBody') return
    const parent = this.#open.at(-1)
    this.#open.push(local)
    if (PICTURES.has(local)) this.#isSeen = true
    if (parent !== 'nonXMLBody' || local !== 'text') return
    const mediaType = attributes.mediaType?.value.trim().toLowerCase() ?? ''
    if (/^text\/(plain|rtf)\b/.test(mediaType)) {
      this.#payload = { mediaType, isBase64: attributes.representation?.value.trim() === 'B64', pieces: [] }
    } else this.#isSeen = true
  }

  close(): void {
    this.#open.pop()
  }

  text(text: string): void {
    if (this.#isSeen || this.#open.length === 0) return
    if (this.#payload && this.#open.at(-1) === 'text') this.#payload.pieces.push(text)
    else if (text.trim() !== '' && this.#isNarrative()) this.#isSeen = true
  }

  get isEmpty(): boolean {
    return !this.#isSeen && !(this.#payload && isVisible(this.#payload))
  }

  /** Inside the text of a section: what an entry says is for machines. */
  #isNarrative(): boolean {
    return this.#open.some((name, index) => name === 'text' && this.#open[index - 1] === 'section')
  }
}

const PICTURES = new Set(['renderMultiMedia', 'observationMedia'])

function isVisible({ mediaType, isBase64, pieces }: { mediaType: string; isBase64: boolean; pieces: string[] }): boolean {
  const written = pieces.join('')
  const text = isBase64
    ? Buffer.from(written, 'base64')
        .toString('latin1')
        .replace(/\xef\xbb\xbf/, '')
    : written
  return mediaType.startsWith('text/rtf') ? isVisibleRtf(text) : /[^\s\0\xa0]/.test(text)
}

/** What is left without the groups that hold fonts, colours and facts of the file, and without control words; a picture or an object is seen. */
function isVisibleRtf(rtf: string): boolean {
  if (/\\(pict|object)\b/.test(rtf)) return true
  const body = rtf.replace(/\{\\(\*|fonttbl|colortbl|stylesheet|info|listtable|generator)(?:[^{}]|\{[^{}]*\})*\}/g, '')
  if (/\\('[0-9a-f]{2}|u-?\d+)/i.test(body)) return true
  return /[^\s;]/.test(body.replace(/\\[a-z]+-?\d*|\\[^a-z]|[{}]/gi, ''))
}
