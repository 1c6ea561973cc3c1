import { expect, test } from 'vitest'
import type { CdaOptions } from '../../world/letter.ts'
import { cdaOf, verdictOf } from './samples.ts'

const TEMPLATE = (xml: string) => xml.replace('root="1.3.6.1.4.1.19376.1.2.20"', 'root="1.2.250.1.213.1.1.1.13"')

function structured(section: string): string {
  const body = `<structuredBody><component><section>${section}</section></component></structuredBody>`
  return TEMPLATE(cdaOf().replace(/<nonXMLBody>[\s\S]*<\/nonXMLBody>/, body))
}

const level1 = (mediaType: string, content: string) =>
  cdaOf({ body: { mediaType: mediaType as CdaOptions['body']['mediaType'], content: Buffer.from(content, 'latin1') } })

const RTF = (body: string) =>
  `{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}{\\colortbl;\\red0;}{\\*\\generator Riched20 10.0;}\\viewkind4\\uc1\\pard\\f0\\fs20 ${body}\\par}`

test.each([
  ['blank text', level1('text/plain', ' \r\n\t\r\n')],
  ['a byte order mark alone', level1('text/plain', '\xef\xbb\xbf')],
  ['rich text without a word', level1('text/rtf', RTF(''))],
  ['sections without text', structured('<title>Titre</title><text> </text>')],
  ['no section text', structured('<title>Titre</title><entry><observation><text>pour les machines</text></observation></entry>')],
])('%s is not sent', async (_case, cda) => {
  expect(await verdictOf('a.xml', cda)).toEqual(expect.arrayContaining(['empty-document']))
})

test.each([
  ['a word', level1('text/plain', ' x ')],
  ['a word of rich text', level1('text/rtf', RTF('x'))],
  ['a letter with an accent alone', level1('text/rtf', RTF("\\'e9"))],
  ['a picture in rich text', level1('text/rtf', RTF('{\\pict\\jpegblip ffd8}'))],
  ['a PDF, whatever it shows', cdaOf()],
  ['the text of a section', structured('<text><paragraph>x</paragraph></text>')],
  ['a picture in a section', structured('<text><renderMultiMedia referencedObject="a"/></text>')],
])('%s is content', async (_case, cda) => {
  const verdict = await verdictOf('a.xml', cda)
  expect(Array.isArray(verdict) ? verdict : []).not.toContain('empty-document')
})
