import { findAll, readXml, textOf, XmlFault } from '../xml.ts'

const PDFA = 'http://www.aiim.org/pdfa/ns/id/'

/** @returns whether an XMP packet says PDF/A-1, level A or B (ISO 19005-1 §6.7.11), as attributes or as elements, and nothing else */
export function isPdfA1(packet: Uint8Array): boolean {
  const said: Record<string, string[]> = { part: [], conformance: [] }
  try {
    const { root } = readXml(packet, {
      maxBytes: 1024 * 1024,
      maxDepth: 100,
      maxElements: 20_000,
      skipLeadingBlanks: true,
      onElement: (_name, _ns, { attributes }) => {
        for (const { uri, local, value } of Object.values(attributes)) if (uri === PDFA) said[local]?.push(value.trim())
      },
    })
    for (const [key, values] of Object.entries(said)) values.push(...findAll(root, key, PDFA).map(each => textOf(each) ?? ''))
  } catch (error) {
    if (error instanceof XmlFault) return false
    throw error
  }
  const { part = [], conformance = [] } = said
  return part.length === 1 && part[0] === '1' && conformance.length === 1 && /^[AB]$/.test(conformance[0] ?? '')
}
