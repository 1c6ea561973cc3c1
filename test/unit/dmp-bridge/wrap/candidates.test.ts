import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../../dmp-bridge/caps.ts'
import { decide, type Sender } from '../../../../dmp-bridge/decide.ts'
import { recogniseMessage } from '../../../../dmp-bridge/recognise.ts'
import { buildPdf, buildZip, type MailPart } from '../../../world/letter.ts'
import { buildPdfA } from '../../../world/pdfa-builder.ts'
import { cdaOf, letterOf, NOW, policy } from '../samples.ts'
import { doctor, hprimOf, jpegOf, mailOf, pdfPart, REPORT, tiffOf } from './wrap-samples.ts'

const PDF = buildPdfA()
const recognise = (eml: Uint8Array, candidates = true) => recogniseMessage(eml, DEFAULT_LIMITS, { candidates })
const part = (type: string, filename: string, content: string | Buffer): MailPart => ({ type, filename, content })

async function seen(eml: Uint8Array, sender: Sender = doctor): Promise<string[]> {
  const recognition = await recognise(eml)
  const verdicts = recognition.documents.map(each => {
    const verdict = decide(each, recognition, sender, policy)
    return `${each.candidate?.kind ?? 'cda'} ${verdict.action} ${verdict.action === 'file' ? '' : verdict.reasons.join(' ')}`.trim()
  })
  return [...verdicts, ...recognition.ignored.map(each => `ignored ${each.reason}`)]
}

describe('what could be a document waits for its identity', () => {
  test.each<[string, MailPart, string]>([
    ['a PDF/A-1', pdfPart(PDF), 'pdf hold needs-identity'],
    ['the same under another name and type', part('application/octet-stream', 'x.dat', PDF), 'pdf hold needs-identity'],
    ['a scanned page', part('image/jpeg', 'page.jpg', jpegOf(1240, 1754)), 'jpeg hold needs-identity'],
    ['a fax', part('image/tiff', 'page.tif', tiffOf(1728, 2200)), 'tiff hold needs-identity'],
    ['a letter in RTF', part('application/rtf', 'a.rtf', '{\\rtf1\\ansi Cher confr\\u232 e}'), 'rtf hold needs-identity'],
    [
      'one with a link and numbered pages',
      part('text/rtf', 'a.rtf', '{\\rtf1 {\\field{\\*\\fldinst {\\rtlch\\fcs1 HYPERLINK "x"}}} {\\*\\fldinst{\\cs5  PAGE }}}'),
      'rtf hold needs-identity',
    ],
    [
      'a page that its scanner filled up',
      part('image/jpeg', 'p.jpg', Buffer.concat([jpegOf(1240, 1754), Buffer.alloc(9)])),
      'jpeg hold needs-identity',
    ],
    ['a report in plain text', part('text/plain; charset=utf-8', 'cr.txt', REPORT), 'text hold needs-identity'],
    ['results of his own', part('text/plain; charset=utf-8', 'a.hpr', hprimOf()), 'hprim hold needs-identity'],
  ])('%s', async (_what, each, expected) => {
    expect(await seen(mailOf([each]))).toEqual([expected])
  })

  test('what is forwarded is somebody else’s', async () => {
    const forwarded = mailOf([pdfPart(PDF)], { boundary: '=_inner' })
    expect(await seen(mailOf([{ type: 'message/rfc822', content: forwarded, encoding: '8bit' }]))).toEqual(['ignored pdf-alone'])
  })

  test('twenty of them, not more', async () => {
    const many = Array.from({ length: 22 }, (_, index) => pdfPart(buildPdfA({ bars: index + 1 })))
    const all = await seen(mailOf(many))
    expect(all.filter(each => each === 'pdf hold needs-identity')).toHaveLength(20)
    expect(all.filter(each => each === 'ignored pdf-alone')).toHaveLength(2)
  })
})

describe('what will never be wrapped says why', () => {
  test.each<[string, MailPart, string]>([
    ['a PDF of another kind', pdfPart(buildPdf(['Lettre'])), 'pdf hold not-pdfa needs-identity'],
    [
      'a PDF with a script',
      pdfPart(buildPdfA({ catalog: '/OpenAction << /S /JavaScript /JS (x) >>' })),
      'pdf hold file-active needs-identity',
    ],
    ['an encrypted PDF', pdfPart(buildPdfA({ trailer: '/Encrypt << >>' })), 'pdf hold file-encrypted needs-identity'],
    ['a broken PDF', pdfPart(Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\nx', 'latin1')), 'pdf hold file-unreadable needs-identity'],
    ['an RTF with an object', part('text/rtf', 'a.rtf', '{\\rtf1 {\\object\\objdata 01}}'), 'rtf hold file-active needs-identity'],
    ['an RTF that fetches', part('text/rtf', 'a.rtf', '{\\rtf1 {\\fldinst INCLUDEPICTURE "x"}}'), 'rtf hold file-active needs-identity'],
    [
      'an RTF that fetches behind an empty group',
      part('text/rtf', 'a.rtf', '{\\rtf1 {\\field{\\*\\fldinst {\\b }{INCL}{\\i UDEPICTURE "x"}}}}'),
      'rtf hold file-active needs-identity',
    ],
    [
      'an RTF that spells what it runs',
      part('text/rtf', 'a.rtf', "{\\rtf1 {\\*\\fldinst {\\f0\\fs20 \\'4d\\'41CROBUTTON x}}}"),
      'rtf hold file-active needs-identity',
    ],
    [
      'a PDF with an archive behind it',
      pdfPart(Buffer.concat([PDF, Buffer.from('PK\x05\x06'), Buffer.alloc(18)])),
      'pdf hold file-active not-pdfa needs-identity',
    ],
    [
      'a PDF with a page for browsers behind it',
      pdfPart(Buffer.concat([PDF, Buffer.from('<script>')])),
      'pdf hold not-pdfa needs-identity',
    ],
    [
      'an image with more behind it than it shows',
      part('image/jpeg', 'p.jpg', Buffer.concat([jpegOf(1240, 1754), Buffer.from('MZ')])),
      'jpeg hold file-active needs-identity',
    ],
    [
      'a fax that is an archive too',
      part('image/tiff', 'p.tif', Buffer.concat([tiffOf(1728, 2200), Buffer.from('PK\x05\x06'), Buffer.alloc(18)])),
      'tiff hold file-active needs-identity',
    ],
    ['an RTF that stops', part('text/rtf', 'a.rtf', '{\\rtf1 x'), 'rtf hold file-unreadable needs-identity'],
    ['results that are not final', part('text/plain', 'a.hpr', hprimOf({ status: 'P' })), 'hprim hold partial-biology needs-identity'],
  ])('%s', async (_what, each, expected) => {
    expect(await seen(mailOf([each]))).toEqual([expected])
  })
})

describe('what belongs to the mail asks nothing of anybody', () => {
  const inline = (headers: string, content: Buffer) =>
    Buffer.from(
      [
        'From: a@a.mssante.test\r\nTo: b@b.mssante.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n',
        '--b\r\nContent-Type: text/html\r\n\r\n<p>Bonjour <img src="cid:logo@a"></p>\r\n',
        `--b\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n${headers}\r\n`,
        `${content.toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n--b--\r\n`,
      ].join(''),
    )

  test.each([
    ['a picture of the text', 'Content-ID: <logo@a>\r\nContent-Disposition: attachment; filename=x.jpg\r\n'],
    ['one that could be', 'Content-ID: <other@a>\r\nContent-Disposition: inline; filename=x.jpg\r\n'],
  ])('%s', async (_what, headers) => {
    expect(await seen(inline(headers, jpegOf(1240, 1754)))).toEqual(['ignored image-of-mail'])
  })

  test('a page that a telephone puts into the text without naming it is looked at', async () => {
    const headers = 'Content-Disposition: inline; filename=page.jpg\r\n'
    expect(await seen(inline(headers, jpegOf(1240, 1754)))).toEqual(['jpeg hold needs-identity'])
  })

  test.each<[string, MailPart, string]>([
    ['a logo', part('image/jpeg', 'logo.jpg', jpegOf(200, 80, 6000)), 'image-of-mail'],
    ['a large logo', part('image/jpeg', 'logo.jpg', jpegOf(2000, 300)), 'image-of-mail'],
    [
      'a JPEG that can’t be measured',
      part('image/jpeg', 'x.jpg', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(40_000)])),
      'image-of-mail',
    ],
    ['a drawing', part('image/png', 'x.png', Buffer.concat([Buffer.from('\x89PNG', 'latin1'), Buffer.alloc(40_000)])), 'image'],
    ['a meeting', part('text/calendar', 'x.ics', 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n'), 'unrelated'],
    ['a card', part('text/vcard', 'x.vcf', 'BEGIN:VCARD\r\nEND:VCARD\r\n'), 'unrelated'],
    ['a note', part('text/plain', 'note.txt', 'À demain, la conclusion est prête.\r\n'), 'text'],
    ['a report that is no attachment of that name', part('text/plain', 'cr', REPORT), 'text'],
    ['results of another laboratory', part('text/plain', 'a.hpr', hprimOf({ sender: '99 LABORATOIRE DU PORT' })), 'hprim-of-another'],
  ])('%s', async (_what, each, reason) => {
    const found = await seen(mailOf([each]))
    expect(found.map(one => one.replace(/^(ignored|hprim ignore) /, ''))).toEqual([reason])
  })

  test('files in an archive', async () => {
    const zip = await buildZip([{ name: 'a.pdf', content: PDF }], NOW)
    expect(await seen(mailOf([part('application/zip', 'x.zip', zip)]))).toEqual(['ignored pdf-alone'])
  })

  test('results of two patients in a file are nobody’s candidates', async () => {
    const two = hprimOf().replace('****FINFICHIER****\r\n', '') + hprimOf({ born: '02/06/1955', firstName: 'LEO' })
    expect(await seen(mailOf([part('text/plain', 'a.hpr', two)]))).toEqual([
      'ignored hprim-several-patients',
      'ignored hprim',
      'ignored hprim',
    ])
  })
})

describe('only for the box of a person who declared', () => {
  const { person: _, ...organisation } = doctor
  test.each<[string, Sender]>([
    ['an organisation', organisation],
    ['nobody declared', { ...doctor, declared: false }],
  ])('%s: nothing is asked', async (_what, sender) => {
    expect(await seen(mailOf([pdfPart(PDF)]), sender)).toEqual(['pdf ignore not-ours-to-wrap'])
  })

  test.each<[string, Sender, string]>([
    ['whom the annuaire does not know', { ...doctor, person: { family: '', given: '' } }, 'sender-unlisted'],
    ['of no structure of ours', { ...doctor, structures: ['1999999999'] }, 'sender-structure'],
  ])('one %s waits with the reason', async (_what, sender, reason) => {
    expect(await seen(mailOf([pdfPart(PDF)]), sender)).toEqual([`pdf hold ${reason} needs-identity`])
  })

  test('for any other, files are not even looked into', async () => {
    const { documents, ignored } = await recognise(mailOf([pdfPart(PDF)]), false)
    expect({ documents, ignored: ignored.map(each => each.reason) }).toEqual({ documents: [], ignored: ['pdf-alone'] })
  })
})

describe('beside a document', () => {
  test('the PDF that it holds is its copy', async () => {
    const { eml } = await letterOf()
    expect(await seen(eml)).toEqual(['cda file', 'ignored technical', 'ignored technical', 'ignored copy-beside-xdm'])
  })

  test('another PDF is a document of its own, in the last place', async () => {
    const own = buildPdf(['Lettre'])
    const parts = [pdfPart(PDF), pdfPart(own), part('text/xml', 'cda.xml', cdaOf({ body: { mediaType: 'application/pdf', content: own } }))]
    expect(await seen(mailOf(parts))).toEqual(['cda file', 'pdf hold needs-identity', 'ignored copy-beside-xdm'])
  })

  test('one beside a document that shows none is its copy, two are two questions', async () => {
    const silent = part('text/xml', 'cda.xml', cdaOf({ body: { mediaType: 'text/plain', content: Buffer.from('Lettre') } }))
    expect(await seen(mailOf([silent, pdfPart(PDF)]))).toEqual(['cda file', 'ignored copy-beside-xdm'])
    const two = await seen(mailOf([silent, pdfPart(PDF), pdfPart(buildPdfA({ bars: 9 }))]))
    expect(two).toEqual(['cda file', 'pdf hold needs-identity', 'pdf hold needs-identity'])
  })
})
