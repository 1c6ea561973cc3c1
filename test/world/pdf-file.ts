/** @param entries of its dictionary, beside the length @param content Latin-1 */
export function pdfStream(entries: string, content: string): string {
  return `<< /Length ${Buffer.byteLength(content, 'latin1')}${entries} >>\nstream\n${content}\nendstream`
}

/** The same in every file: what is built twice has the same octets. */
const ID = '<00000000000000000000000000000001>'

export interface PdfFileOptions {
  header?: string
  /** false leaves the file identifier out */
  id?: boolean
  /** entries added to the trailer */
  trailer?: string
}

/** A whole PDF of these objects, the first of which is the catalogue, with its cross-reference table. */
export function pdfFile(objects: readonly string[], options: PdfFileOptions = {}): Buffer {
  let file = options.header ?? '%PDF-1.4\n%\xe2\xe3\xcf\xd3\n'
  const offsets: number[] = []
  for (const [index, body] of objects.entries()) {
    offsets.push(file.length)
    file += `${index + 1} 0 obj\n${body}\nendobj\n`
  }
  const table = offsets.map(offset => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const xref = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}`
  const id = options.id === false ? '' : ` /ID [${ID} ${ID}]`
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R${id} ${options.trailer ?? ''} >>`
  return Buffer.from(`${file}${xref}${trailer}\nstartxref\n${file.length}\n%%EOF\n`, 'latin1')
}
