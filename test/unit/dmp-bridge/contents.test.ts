import { describe, expect, test } from 'vitest'
import { cdaOf, verdictOf } from './samples.ts'

const CDA = cdaOf()
const verdict = (content: string | Buffer) => verdictOf('a.xml', content)

describe('a document without its contents', () => {
  test.each<[string, string]>([
    ['no body', CDA.replace(/<component>[\s\S]*<\/component>/, '')],
    ['an empty text', CDA.replace(/(<text mediaType[^>]*>)[^<]*/, '$1 \n ')],
    ['a reference', CDA.replace(/(<text mediaType[^>]*>)[^<]*/, '$1<reference value="http://a.test/x.pdf"/>')],
    ['a reference beside the contents', CDA.replace(/(<text mediaType[^>]*>)/, '$1<reference value="http://a.test/x.pdf"/>')],
    ['sections without anything', CDA.replace(/<nonXMLBody>[\s\S]*<\/nonXMLBody>/, '<structuredBody/>')],
    ['two bodies', CDA.replace('<nonXMLBody>', '<structuredBody><component/></structuredBody><nonXMLBody>')],
  ])('%s', async (_case, xml) => {
    expect(await verdict(xml)).toContain('body-missing')
  })
})

/** The document inside its own style sheet. */
function presented(inside: string, before = ''): string {
  const head = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
  return `<?xml version="1.0" encoding="UTF-8"?>${before}${head}${inside}${CDA.replace(/<\?xml.*?\?>/, '')}</xsl:stylesheet>`
}

const styled = (css: string) => `<xsl:template match="/"><style>${css}</style></xsl:template>`

describe('contents that act', () => {
  test.each<[string, string]>([
    ['import', presented('<xsl:import href="http://a.test/x.xsl"/>')],
    ['include', presented('<xsl:include href="x.xsl"/>')],
    ['handler', presented('<xsl:template match="/"><body onload="x()"/></xsl:template>')],
    ['made handler', presented('<xsl:template match="/"><body><xsl:attribute name="onload">x()</xsl:attribute></body></xsl:template>')],
    ['address', presented('<xsl:template match="/"><a href="java&#10;script:x()"/></xsl:template>')],
    ['made address', presented('<xsl:template match="/"><a><xsl:attribute name="href">javascript:x()</xsl:attribute></a></xsl:template>')],
    ['made script', presented('<xsl:template match="/"><xsl:element name="script">x()</xsl:element></xsl:template>')],
    ['image from elsewhere', presented('<xsl:template match="/"><img src="http://a.test/p.png"/></xsl:template>')],
    ['other document', presented('<xsl:template match="/"><xsl:copy-of select="document(\'x.xml\')"/></xsl:template>')],
    ['style that imports, in pieces', presented(styled(`@im<!-- -->port${'<![CDATA['} "//a.test/x.css"]]>`))],
    ['style that imports, cut by a reference', presented(styled(`${'p { color: red } '.repeat(8)}@import&#32;"//a.test/x.css";`))],
    ['style that imports, with an escape', presented(styled('@\\69mport "//a.test/x.css"; p { background: u\\72 l( "http://a.test/") }'))],
    ['foreign style sheet', CDA.replace('?>', '?><?xml-stylesheet type="text/xsl" href="http://a.test/x.xsl"?>')],
    ['foreign style sheet without scheme', CDA.replace('?>', '?><?xml-stylesheet type="text/xsl" href="//a.test/x.xsl"?>')],
  ])('%s', async (_case, xml) => {
    expect(await verdict(xml)).toEqual(['active-content'])
  })

  test('an ordinary presentation does not', async () => {
    const template =
      '<xsl:template match="/"><html><img src="data:image/png;base64,AA"/><a href="https://a.test/">x</a></html></xsl:template>'
    expect(await verdict(presented(template, '<?xml-stylesheet type="text/xsl" href="#"?>'))).toBe('file')
    expect(await verdict(CDA.replace('?>', '?><?xml-stylesheet type="text/xsl" href="../x/cda.xsl"?>'))).toBe('file')
  })
})

describe('what the canonical form would refuse', () => {
  const declarations = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `xmlns:p${from + index}="u"`).join(' ')
  test.each<[string, string | Buffer, string]>([
    ['XML 1.1', CDA.replace('version="1.0"', 'version="1.1"'), 'xml-malformed'],
    ['utf8 without its hyphen', CDA.replace('UTF-8', 'utf8'), 'xml-encoding'],
    ['a byte order mark and another encoding', `\ufeff${CDA.replace('UTF-8', 'ISO-8859-1')}`, 'xml-encoding'],
    ['a padded declaration', CDA.replace('?xml version', `?xml${' '.repeat(600)}version`).replace('UTF-8', 'UTF-7'), 'xml-encoding'],
    ['a declaration padded further', CDA.replace('?xml version', `?xml${' '.repeat(9000)}version`), 'xml-encoding'],
    ['65 declarations', CDA.replace('<ClinicalDocument', `<ClinicalDocument ${declarations(65)}`), 'xml-malformed'],
    [
      '300 in scope',
      CDA.replace('<component>', `<component>${[0, 1, 2, 3, 4].map(at => `<x ${declarations(60, at * 60)}>`).join('')}${'</x>'.repeat(5)}`),
      'xml-malformed',
    ],
  ])('%s', async (_case, xml, reason) => {
    expect(await verdict(xml)).toContain(reason)
  })

  test('many declarations beside each other are not many in scope', async () => {
    const sections = Array.from({ length: 10 }, () => `<x ${declarations(60)}/>`).join('')
    expect(await verdict(CDA.replace(/<nonXMLBody>[\s\S]*<\/nonXMLBody>/, `<structuredBody>${sections}</structuredBody>`))).not.toContain(
      'xml-malformed',
    )
  })
})
