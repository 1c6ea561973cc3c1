import { type PdfFileOptions, pdfFile, pdfStream } from './pdf-file.ts'

/** Every departure from a valid PDF/A-1b is one optional field, so that a test names its case. */
export interface PdfAOptions extends PdfFileOptions {
  /** makes the bytes differ: drawn as so many bars */
  bars?: number
  /** pdfaid:part and pdfaid:conformance; `null` leaves the packet out */
  claims?: { part: string; conformance: string } | null
  /** as elements of XMP instead of attributes */
  claimsAsElements?: boolean
  outputIntent?: boolean
  /** entries added to the catalogue, e.g. `/OpenAction << /S /JavaScript /JS (x) >>` */
  catalog?: string
  /** entries added to the page */
  page?: string
  /** entries added to the resources of the page */
  resources?: string
  /** further objects, from number 8 on */
  objects?: readonly string[]
}

/**
 * One page of bars and of a letter in a Type 3 font (whose glyphs are in the file), with an ICC profile, an XMP packet and a file identifier:
 * a PDF/A-1b made by hand, the same bytes each time.
 */
export function buildPdfA(options: PdfAOptions = {}): Buffer {
  const bars = Array.from({ length: options.bars ?? 3 }, (_, index) => `56 ${760 - index * 18} 400 6 re f`).join('\n')
  const claims = options.claims === undefined ? { part: '1', conformance: 'B' } : options.claims
  const glyph = '600 0 0 0 500 700 d1 0 0 500 700 re f'
  return pdfFile(
    [
      `<< /Type /Catalog /Pages 2 0 R ${claims ? '/Metadata 6 0 R' : ''} ${
        options.outputIntent === false
          ? ''
          : '/OutputIntents [<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /DestOutputProfile 7 0 R >>]'
      } ${options.catalog ?? ''} >>`,
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> ${
        options.resources ?? ''
      } >> ${options.page ?? ''} >>`,
      `<< /Type /Font /Subtype /Type3 /FontBBox [0 0 600 700] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 97 /LastChar 97 /Widths [600] ${'/Encoding << /Type /Encoding /Differences [97 /a] >> /CharProcs << /a 8 0 R >> /Resources << >>'} >>`,
      pdfStream('', `${bars}\nBT /F1 11 Tf 56 780 Td (aaaa) Tj ET`),
      pdfStream(' /Type /Metadata /Subtype /XML', packet(claims ?? { part: '', conformance: '' }, options.claimsAsElements ?? false)),
      pdfStream(' /N 3', profile().toString('latin1')),
      pdfStream('', glyph),
      ...(options.objects ?? []),
    ],
    options,
  )
}

function packet({ part, conformance }: { part: string; conformance: string }, asElements: boolean): string {
  const description = asElements
    ? `<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>${part}</pdfaid:part>` +
      `<pdfaid:conformance>${conformance}</pdfaid:conformance></rdf:Description>`
    : `<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="${part}" pdfaid:conformance="${conformance}"/>`
  return [
    '<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>',
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${description}</rdf:RDF></x:xmpmeta>`,
    '<?xpacket end="w"?>',
  ].join('\n')
}

/** A display profile with the primaries of sRGB and a gamma of 2.2 (ICC.1:2001-04 §6). */
function profile(): Buffer {
  const xyz = (...values: number[]) => Buffer.concat([Buffer.from('XYZ \0\0\0\0', 'latin1'), ...values.map(fixed)])
  const text = Buffer.from('text\0\0\0\0No copyright\0', 'latin1')
  const words = 'sRGB-like'
  const description = Buffer.concat([
    Buffer.from('desc\0\0\0\0', 'latin1'),
    int(words.length + 1),
    Buffer.from(`${words}\0`, 'latin1'),
    Buffer.alloc(4 + 4 + 2 + 1 + 67),
  ])
  const curve = Buffer.concat([Buffer.from('curv\0\0\0\0', 'latin1'), int(1), Buffer.from([2, 51])])
  const tags: [string, Buffer][] = [
    ['desc', description],
    ['cprt', text],
    ['wtpt', xyz(0.9642, 1, 0.8249)],
    ['rXYZ', xyz(0.4361, 0.2225, 0.0139)],
    ['gXYZ', xyz(0.3851, 0.7169, 0.0971)],
    ['bXYZ', xyz(0.1431, 0.0606, 0.7139)],
    ['rTRC', curve],
    ['gTRC', curve],
    ['bTRC', curve],
  ]
  const table: Buffer[] = [int(tags.length)]
  const data: Buffer[] = []
  let at = 128 + 4 + tags.length * 12
  for (const [signature, bytes] of tags) {
    const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
    table.push(Buffer.from(signature, 'latin1'), int(at), int(bytes.length))
    data.push(padded)
    at += padded.length
  }
  const head = Buffer.alloc(128)
  head.writeUInt32BE(at, 0)
  head.writeUInt32BE(0x02100000, 8)
  head.write('mntrRGB XYZ ', 12, 'latin1')
  for (const [index, part] of [2026, 1, 1, 0, 0, 0].entries()) head.writeUInt16BE(part, 24 + index * 2)
  head.write('acsp', 36, 'latin1')
  Buffer.concat([fixed(0.9642), fixed(1), fixed(0.8249)]).copy(head, 68)
  return Buffer.concat([head, ...table, ...data])
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function fixed(value: number): Buffer {
  return int(Math.round(value * 65536))
}
