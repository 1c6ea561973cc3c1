import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { buildMail, type MailPart, samplePatient } from '../../world/letter.ts'
import { cdaOf, letterOf, NOW, otherPatient, read, UNIQUE_ID, verdicts } from './samples.ts'

const TEXT: MailPart = { type: 'text/plain; charset=utf-8', content: 'Bonjour' }
const PDF = Buffer.from('%PDF-1.4\n%%EOF\n')

function mailOf(...parts: MailPart[]): Buffer {
  const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject: 'Lettre', date: NOW, messageId: 'm@a.mssante.test' }
  return buildMail({ ...head, parts: [TEXT, ...parts] })
}

function recognise(eml: Uint8Array, limits = {}) {
  return recogniseMessage(eml, { ...DEFAULT_LIMITS, ...limits })
}

test('an ordinary letter: the document of the archive, and the PDF beside it is a copy', async () => {
  const { eml, uniqueId } = await letterOf()
  const recognition = await recognise(eml)
  expect(recognition.documents).toMatchObject([{ path: '2/IHE_XDM.zip/IHE_XDM/SUBSET01/DOC0001.XML', cda: { uniqueId } }])
  expect(recognition.ignored.at(-1)).toMatchObject({ reason: 'copy-beside-xdm' })
  expect(verdicts(recognition)).toEqual(['file'])
})

test.each(['ihe_xdm.zip', 'IHE-XDM.ZIP', 'envoi.dat', 'x.pdf'])('the archive may be called %s', async zipName => {
  expect((await recognise((await letterOf({ zipName })).eml)).documents).toHaveLength(1)
})

test('a CDA alone, whatever type and name are declared', async () => {
  for (const part of [
    { type: 'text/xml', filename: 'cda.xml' },
    { type: 'application/octet-stream', filename: 'document' },
    { type: 'application/hl7-v3+xml', filename: 'x.txt' },
  ]) {
    const recognition = await recognise(mailOf({ ...part, content: cdaOf() }))
    expect(recognition.documents).toMatchObject([{ cda: { uniqueId: UNIQUE_ID }, faults: [] }])
  }
})

test('the bytes of a document are those that were sent', async () => {
  const cda = cdaOf().replaceAll('\n', '\r\n')
  const recognition = await recognise(mailOf({ type: 'text/xml', filename: 'cda.xml', content: cda }))
  expect(Buffer.from(recognition.documents[0]?.content ?? []).toString()).toBe(cda)
})

describe('what is no document is ignored with its reason', () => {
  test.each<[string, string, string | Buffer, string]>([
    ['a.pdf', 'application/pdf', PDF, 'pdf-alone'],
    ['a.bin', 'application/octet-stream', PDF, 'pdf-alone'],
    ['a.hpr', 'text/plain', 'x', 'hprim'],
    ['a.txt', 'text/plain', 'CODE\r\nNOM\r\n****LAB****\r\nRES|x\r\n****FIN****\r\n', 'hprim'],
    ['a.txt', 'text/plain', 'x', 'text'],
    ['a.rtf', 'application/rtf', '{\\rtf1 x}', 'rtf'],
    ['a.jpg', 'image/jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'image'],
    ['a.tif', 'image/tiff', Buffer.from([0x49, 0x49, 0x2a, 0]), 'image'],
    ['smime.p7m', 'application/pkcs7-mime', Buffer.from([0x30, 0x80]), 'encrypted'],
    ['a.xsl', 'text/xml', '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>', 'stylesheet'],
    ['a.xml', 'text/xml', '<facture/>', 'unrelated'],
    ['a.docx', 'application/msword', 'x', 'unrelated'],
  ])('%s (%s)', async (filename, type, content, reason) => {
    const recognition = await recognise(mailOf({ type, filename, content }))
    expect(recognition).toMatchObject({ documents: [], ignored: [{ reason }], faults: [] })
  })
})

describe('what says that it is a document, or holds some, and is not, waits', () => {
  test.each<[string, string, string | Buffer, string]>([
    ['a.xml', 'text/xml', '<a>ClinicalDocument</a>', 'not-a-cda'],
    ['a.xml', 'text/xml', cdaOf().replace('xmlns="urn:hl7-org:v3"', ''), 'not-a-cda'],
    ['a.xml', 'text/xml', `${cdaOf().replace('?>', '?><Bundle>')}</Bundle>`, 'not-a-cda'],
    ['IHE_XDM.ZIP', 'application/octet-stream', 'MZ stub', 'zip-malformed'],
    ['a.bin', 'application/zip', 'K\x03\x04', 'zip-malformed'],
    ['a.bin', 'application/x-zip-compressed', 'K\x03\x04', 'zip-malformed'],
  ])('%s (%s)', async (filename, type, content, reason) => {
    expect(verdicts(await recognise(mailOf({ type, filename, content })))).toEqual([[reason]])
  })

  test('a style sheet for documents is still one', async () => {
    const content =
      '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="ClinicalDocument"/></xsl:stylesheet>'
    expect(await recognise(mailOf({ type: 'text/xml', filename: 'a.xsl', content }))).toMatchObject({ ignored: [{ reason: 'stylesheet' }] })
  })

  test('the mark of a PDF in a comment does not make a CDA a PDF', async () => {
    const content = cdaOf().replace('?>', '?><!-- %PDF- -->')
    expect(verdicts(await recognise(mailOf({ type: 'text/xml', filename: 'a.xml', content })))).toEqual(['file'])
  })
})

describe('a document that became the text of the message', () => {
  const fault = { documents: [], faults: ['document-in-text'] }
  test.each(['text/plain; charset=utf-8', 'text/html; charset=utf-8', 'message/delivery-status'])('%s', async type => {
    expect(await recognise(mailOf({ type, content: cdaOf() }))).toMatchObject(fault)
  })

  test('an archive, and the whole body', async () => {
    const { xdm, cda } = await letterOf()
    expect(await recognise(mailOf({ type: 'text/plain', content: xdm }))).toMatchObject(fault)
    const head = 'Subject: x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    expect(await recognise(Buffer.from(head + cda.toString('base64')))).toMatchObject(fault)
    expect(await recognise(Buffer.from(head + xdm.toString('base64')))).toMatchObject(fault)
  })
})

test('a message without attachment has nothing', async () => {
  expect(await recognise(mailOf())).toEqual({ documents: [], ignored: [], faults: [] })
})

test('a message in a message is opened, to a depth', async () => {
  const { eml } = await letterOf()
  const wrap = (inner: Buffer) => mailOf({ type: 'message/rfc822', filename: 'm.eml', content: inner })
  const one = await recognise(wrap(eml))
  expect(one.documents).toHaveLength(1)
  expect(one.documents[0]?.path).toMatch(/^2\/m\.eml\/2\/IHE_XDM\.zip\//)
  const five = await recognise([1, 2, 3, 4, 5].reduce<Buffer>(wrap, eml))
  expect(five).toEqual({ documents: [], ignored: [], faults: ['too-deep'] })
})

test('a message that breaks a limit is a fault, before any parser', async () => {
  const { eml } = await letterOf()
  expect(await recognise(eml, { maxMessageBytes: 1000 })).toEqual({ documents: [], ignored: [], faults: ['message-too-big'] })
  expect(await recognise(eml, { maxParts: 3 })).toMatchObject({ faults: ['too-many-parts'] })
})

test('two letters in one message are judged together', async () => {
  const attached = (content: string, filename: string) => ({ type: 'text/xml', filename, content })
  const other = cdaOf({ uniqueId: '2.25.5', patient: otherPatient })
  expect(verdicts(await recognise(mailOf(attached(cdaOf(), 'a.xml'), attached(other, 'b.xml'))))).toEqual([
    ['two-patients'],
    ['two-patients'],
  ])
  const born = cdaOf({ uniqueId: '2.25.5', patient: { ...samplePatient, birthDate: '1984-03-10' } })
  expect(verdicts(await recognise(mailOf(attached(cdaOf(), 'a.xml'), attached(born, 'b.xml'))))).toEqual([
    ['two-patients'],
    ['two-patients'],
  ])
  const second = cdaOf({ uniqueId: '2.25.5' })
  expect(verdicts(await recognise(mailOf(attached(cdaOf(), 'a.xml'), attached(second, 'b.xml'))))).toEqual(['file', 'file'])
})

test('the same document twice is one', async () => {
  const part = { type: 'text/xml', content: cdaOf() }
  const same = await recognise(mailOf({ ...part, filename: 'a.xml' }, { ...part, filename: 'b.xml' }))
  expect(verdicts(same)).toEqual(['file', ['duplicate']])
})

test('one id on two contents is a conflict', async () => {
  const changed = cdaOf({ title: 'Autre' })
  const both = await recognise(
    mailOf({ type: 'text/xml', filename: 'a.xml', content: cdaOf() }, { type: 'text/xml', filename: 'b.xml', content: changed }),
  )
  expect(verdicts(both)).toEqual([['id-conflict'], ['id-conflict']])
})

test('a mark that stands beside one copy holds the other too', async () => {
  const { xdm, cda } = await letterOf({ marks: ['MASQUE_PS'] })
  const both = await recognise(
    mailOf({ type: 'text/xml', filename: 'a.xml', content: cda }, { type: 'application/zip', filename: 'IHE_XDM.zip', content: xdm }),
  )
  expect(verdicts(both)).toEqual([['marked'], ['duplicate']])
})

test('a broken archive does not touch the document beside it', async () => {
  const broken = { type: 'application/zip', filename: 'IHE_XDM.zip', content: Buffer.from('PK\x03\x04 nothing') }
  const recognition = await recognise(mailOf(broken, { type: 'text/xml', filename: 'a.xml', content: cdaOf() }))
  expect(verdicts(recognition)).toEqual([['zip-malformed'], 'file'])
})

test('eight-bit junk, NUL bytes and an unfinished multipart are survived', async () => {
  const junk = Buffer.from(
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\xff\xfe\0\x01: \0\r\n\r\n\x80\0\xff\r\n--b\r\nContent-Type: text/xml\r\n\r\n<Clinical',
    'latin1',
  )
  const recognition = await recognise(junk)
  expect(recognition.documents).toEqual([])
  expect(await recognise(Buffer.alloc(0))).toMatchObject({ documents: [] })
})

test('a file is recognised under its name', async () => {
  const { eml, xdm } = await letterOf()
  expect((await read('lettre.EML', eml)).documents).toHaveLength(1)
  expect((await read('/tmp/some/IHE_XDM.zip', xdm)).documents[0]?.path).toMatch(/^IHE_XDM\.zip\//)
  expect((await read('cda.xml', cdaOf())).documents).toHaveLength(1)
  expect(await read('a.pdf', PDF)).toMatchObject({ documents: [], ignored: [{ path: 'a.pdf', reason: 'pdf-alone' }] })
})
