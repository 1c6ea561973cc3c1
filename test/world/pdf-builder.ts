import { pdfFile, pdfStream } from './pdf-file.ts'

/**
 * One page of Helvetica text, made by hand: header, catalogue with an XMP packet that announces PDF/A-1b as the letters of the field do,
 * cross-reference table, deterministic file identifier. Readers open it; it is no reference for PDF/A (its font is not embedded).
 * @param lines Latin text, one entry a line
 */
export function buildPdf(lines: readonly string[]): Buffer {
  const content = `BT /F1 11 Tf 56 780 Td 16 TL\n${lines.map(line => `${pdfString(line)} Tj T*`).join('\n')}\nET`
  return pdfFile([
    '<< /Type /Catalog /Pages 2 0 R /Metadata 6 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    pdfStream('', content),
    pdfStream(' /Type /Metadata /Subtype /XML', XMP),
  ])
}

const XMP = [
  '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>',
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
  '<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="1" pdfaid:conformance="B"/>',
  '</rdf:RDF></x:xmpmeta>',
  '<?xpacket end="r"?>',
].join('\n')

/** A PDF string in WinAnsi, where French letters share their Latin-1 codes; the rest becomes a question mark. */
function pdfString(text: string): string {
  const latin = text.replace(/[^\x20-\x7e\xa0-\xff]/g, '?')
  return `(${latin.replace(/[\\()]/g, '\\$&')})`
}
