import { attached, instead, type Scene, swap } from './bend.ts'
import type { Case } from './case.ts'

const DTD = (inside: string) => swap('?>', `?><!DOCTYPE ClinicalDocument [${inside}]>`)
const LAUGHS = Array.from({ length: 9 }, (_, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`).join('')
const alone = (change: (cda: Buffer) => Buffer) => ({
  bytes: change,
  parts: (parts: Parameters<ReturnType<typeof instead>>[0], { cda }: Scene) => instead(attached(cda))(parts),
})
const reEncoded = (encoding: BufferEncoding, mark: number[], declared: string) => (cda: Buffer) =>
  Buffer.concat([Buffer.from(mark), Buffer.from(cda.toString().replace('UTF-8', declared), encoding)])
const inside = (text: string) => swap('</title>', `${text}</title>`)
const stylesheet =
  (more = '') =>
  (xml: string) =>
    `<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="#s"?><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0" id="s"><xsl:template match="/"><html><body>${more}<p>x</p></body></html></xsl:template>${xml.replace(/^<\?xml.*?\?>\s*/, '')}</xsl:stylesheet>`

/** XML of strangers (no DTD, no entity, UTF-8 alone, no script), and self-presentable documents. */
export const xml: readonly Case[] = [
  {
    name: 'an external entity of a file',
    bend: { cda: each => inside('&x;')(DTD('<!ENTITY x SYSTEM "file:///etc/passwd">')(each)) },
    expect: ['held xml-dtd'],
  },
  {
    name: 'an external entity of the network',
    bend: { cda: each => inside('&x;')(DTD('<!ENTITY x SYSTEM "http://127.0.0.1/x">')(each)) },
    expect: ['held xml-dtd'],
  },
  { name: 'a parameter entity', bend: { cda: DTD('<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;') }, expect: ['held xml-dtd'] },
  {
    name: 'an external DTD',
    bend: { cda: swap('?>', '?><!DOCTYPE ClinicalDocument SYSTEM "http://127.0.0.1/x.dtd">') },
    expect: ['held xml-dtd'],
  },
  { name: 'an empty DTD', bend: { cda: swap('?>', '?><!DOCTYPE ClinicalDocument>') }, expect: ['held xml-dtd'] },
  { name: 'a DTD with a default attribute', bend: { cda: DTD('<!ATTLIST confidentialityCode code CDATA "N">') }, expect: ['held xml-dtd'] },
  { name: 'a billion laughs', bend: { cda: each => inside('&l9;')(DTD(`<!ENTITY l0 "ha">${LAUGHS}`)(each)) }, expect: ['held xml-dtd'] },
  {
    name: 'a DTD in METADATA.XML',
    bend: { metadata: swap('?>', '?><!DOCTYPE a [<!ENTITY b "c">]>') },
    expect: ['held metadata-unreadable'],
  },
  { name: 'an entity that is not declared', bend: { cda: inside('&nbsp;') }, expect: ['held xml-malformed'] },
  { name: 'deep', bend: { cda: inside(`${'<a>'.repeat(300)}${'</a>'.repeat(300)}`) }, expect: ['held xml-too-big'] },
  {
    name: 'a deep METADATA.XML',
    bend: { metadata: swap('</RegistryObjectList>', `${'<a>'.repeat(300)}${'</a>'.repeat(300)}</RegistryObjectList>`) },
    expect: ['held metadata-unreadable'],
  },
  { name: 'very many elements', bend: { cda: inside('<a/>'.repeat(120_000)) }, expect: ['held xml-too-big'] },
  {
    name: 'very many namespaces',
    bend: { cda: inside(`<a ${Array.from({ length: 100 }, (_, index) => `xmlns:n${index}="u${index}"`).join(' ')}/>`) },
    expect: ['held xml-malformed'],
  },
  { name: 'cut', bend: { cda: each => each.slice(0, each.length - 40) }, expect: ['held xml-malformed'] },
  { name: 'cut in its header', bend: { cda: each => each.slice(0, 1200) }, expect: ['held xml-malformed'] },
  {
    name: 'something after the end',
    bend: { cda: each => `${each}<ClinicalDocument xmlns="urn:hl7-org:v3"/>` },
    expect: ['held xml-malformed'],
  },
  { name: 'a NUL', bend: { cda: inside('\0') }, expect: ['held xml-malformed'] },
  { name: 'XML 1.1', bend: { cda: swap('version="1.0"', 'version="1.1"') }, expect: ['held xml-malformed'] },
  { name: 'UTF-16 little endian', bend: alone(reEncoded('utf16le', [0xff, 0xfe], 'UTF-16')), expect: ['held xml-encoding'] },
  {
    name: 'UTF-16 big endian',
    bend: alone(cda => Buffer.from(reEncoded('utf16le', [0xff, 0xfe], 'UTF-16')(cda)).swap16()),
    expect: ['held xml-encoding'],
  },
  { name: 'ISO-8859-1, declared', bend: { bytes: reEncoded('latin1', [], 'ISO-8859-1') }, expect: ['held xml-encoding'] },
  { name: 'ISO-8859-1, said to be UTF-8', bend: { bytes: reEncoded('latin1', [], 'UTF-8') }, expect: ['held xml-malformed'] },
  { name: 'UTF-8, said to be ISO-8859-1', bend: { bytes: reEncoded('utf8', [], 'ISO-8859-1') }, expect: ['held xml-encoding'] },
  { name: 'UTF-8, said to be UTF-16', bend: { bytes: reEncoded('utf8', [], 'UTF-16') }, expect: ['held xml-malformed'] },
  { name: 'an encoding that nobody knows', bend: { bytes: reEncoded('utf8', [], 'X-PLI') }, expect: ['held xml-encoding'] },
  { name: 'a byte order mark', bend: { bytes: reEncoded('utf8', [0xef, 0xbb, 0xbf], 'UTF-8') }, expect: ['filed'] },
  {
    name: 'overlong UTF-8',
    bend: { bytes: cda => Buffer.from(cda.toString('latin1').replace('</title>', '\xc0\xbc/title>'), 'latin1') },
    expect: ['held xml-malformed'],
  },
  {
    name: 'half a surrogate',
    bend: { bytes: cda => Buffer.from(cda.toString('latin1').replace('</title>', '\xed\xa0\x80</title>'), 'latin1') },
    expect: ['held xml-malformed'],
  },
  { name: 'CRLF', bend: { cda: swap(/\n/g, '\r\n') }, expect: ['filed'] },
  {
    name: 'a prefix for the namespace',
    bend: { cda: each => each.replace(/<(\/?)(?!\?)(\w)/g, '<$1h:$2').replace('xmlns="', 'xmlns:h="') },
    expect: ['filed'],
  },
  { name: 'no namespace', bend: { cda: swap('xmlns="urn:hl7-org:v3"', '') }, expect: ['held not-a-cda'] },
  { name: 'another namespace', bend: { cda: swap('urn:hl7-org:v3', 'urn:hl7-org:v2') }, expect: ['held not-a-cda'] },
  { name: 'inside another root', bend: { cda: each => `${each.replace('?>', '?><Bundle>')}</Bundle>` }, expect: ['held not-a-cda'] },
  { name: 'self-presentable', bend: { cda: stylesheet() }, expect: ['filed'] },
  { name: 'self-presentable, with a script', bend: { cda: stylesheet('<script>x()</script>') }, expect: ['held active-content'] },
  { name: 'self-presentable, with a handler', bend: { cda: stylesheet('<p onclick="x()">x</p>') }, expect: ['held active-content'] },
  {
    name: 'self-presentable, with an image from elsewhere',
    bend: { cda: stylesheet('<img src="https://x.test/a.png"/>') },
    expect: ['held active-content'],
  },
  {
    name: 'self-presentable, with an import',
    bend: { cda: each => stylesheet()(each).replace('<xsl:template', '<xsl:import href="http://x.test/a.xsl"/><xsl:template') },
    expect: ['held active-content'],
  },
  {
    name: 'self-presentable, with a javascript: link',
    bend: { cda: stylesheet('<a href="java&#10;script:x()">x</a>') },
    expect: ['held active-content'],
  },
  {
    name: 'self-presentable, with a style sheet from elsewhere',
    bend: { cda: stylesheet('<link rel="stylesheet" href="https://x.test/a.css"/>') },
    expect: ['held active-content'],
  },
  {
    name: 'self-presentable, with a style that imports',
    bend: { cda: stylesheet('<style>@import url(https://x.test/a.css)</style>') },
    expect: ['held active-content'],
  },
  {
    name: 'a style sheet from elsewhere',
    bend: { cda: swap('?>', '?><?xml-stylesheet type="text/xsl" href="https://x.test/a.xsl"?>') },
    expect: ['held active-content'],
  },
  {
    name: 'two documents in a style sheet',
    bend: { cda: each => stylesheet()(each).replace('</xsl:stylesheet>', `${each.replace(/^<\?xml.*?\?>\s*/, '')}</xsl:stylesheet>`) },
    expect: ['held several-documents'],
  },
]
