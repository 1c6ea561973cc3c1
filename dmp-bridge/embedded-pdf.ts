import { createHash } from 'node:crypto'
import type { SaxesTagNS } from 'saxes'

/** FR-Document-PDF-copie: the section of a structured document that has it as a PDF (CI-SIS). */
const COPIES = '1.2.250.1.213.1.1.2.243'

/** Follows a CDA as it is parsed, and keeps the digest of each PDF that is its body, or its copy: by it one knows the same report in two forms. */
export class PdfDigests {
  readonly #body: string[] = []
  readonly #copies: string[] = []
  #isBody = false
  #isCopy = false
  #pieces: string[] | undefined

  open({ local, attributes }: SaxesTagNS): void {
    this.#close()
    const valueAt = (name: string) => attributes[name]?.value.trim() ?? ''
    if (local === 'nonXMLBody') this.#isBody = true
    else if (local === 'section') this.#isCopy = false
    else if (local === 'templateId' && valueAt('root') === COPIES) this.#isCopy = true
    const isPdf = /^application\/pdf\b/i.test(valueAt('mediaType')) && valueAt('representation') === 'B64'
    if (isPdf && ((this.#isBody && local === 'text') || (this.#isCopy && local === 'value'))) this.#pieces = []
  }

  text(text: string): void {
    this.#pieces?.push(text)
  }

  of(body: 'N1' | 'N3'): string[] {
    this.#close()
    return [...new Set(body === 'N1' ? this.#body : this.#copies)]
  }

  #close(): void {
    const base64 = unfolded(this.#pieces?.join('') ?? '')
    this.#pieces = undefined
    if (base64 === '') return
    const digest = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex')
    if (this.#isBody) this.#body.push(digest)
    else this.#copies.push(digest)
  }
}

/** Most are on one line: a copy of a megabyte is spared. */
function unfolded(base64: string): string {
  return /\s/.test(base64) ? base64.replace(/\s+/g, '') : base64
}
