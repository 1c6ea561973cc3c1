import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS, exceededCap } from '../../../dmp-bridge/caps.ts'
import { withoutPlainBodies } from '../../../dmp-bridge/plain-bodies.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { cdaOf, UNIQUE_ID } from './samples.ts'

const PDF = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(60_000, 'scan')])

interface Body {
  name: string
  content: Buffer
}

function mailOf(bodies: readonly Body[], boundary = 'b'): Buffer {
  const parts = bodies.map(({ name, content }) =>
    [
      `--${boundary}`,
      `Content-Type: application/octet-stream; name="${name}"`,
      'Content-Transfer-Encoding: base64',
      '',
      content.toString('base64').replace(/.{76}/g, '$&\r\n'),
    ].join('\r\n'),
  )
  const header = `From: a@a.mssante.test\r\nSubject: Lettre\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`
  return Buffer.from(`${header}${parts.join('\r\n')}\r\n--${boundary}--\r\n`)
}

function shortened(eml: Buffer): Uint8Array {
  const bodies: number[] = []
  expect(exceededCap(eml, DEFAULT_LIMITS, start => bodies.push(start))).toBeUndefined()
  return withoutPlainBodies(eml, bodies)
}

const recognise = (eml: Buffer) => recogniseMessage(eml, DEFAULT_LIMITS)

test('a large PDF is not read to its end, and is still what it is', async () => {
  const eml = mailOf([{ name: 'lettre.pdf', content: PDF }])
  expect(shortened(eml).length).toBeLessThan(4_096)
  expect((await recognise(eml)).ignored).toMatchObject([{ reason: 'pdf-alone' }])
})

test.each([
  ['image', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), PDF])],
  ['rtf', Buffer.concat([Buffer.from('{\\rtf1 '), PDF])],
])('so is %s', async (reason, content) => {
  const eml = mailOf([{ name: 'x', content }])
  expect(shortened(eml).length).toBeLessThan(4_096)
  expect((await recognise(eml)).ignored).toMatchObject([{ reason }])
})

test('what follows a PDF is found', async () => {
  const cda = Buffer.from(cdaOf())
  const found = await recognise(
    mailOf([
      { name: 'a.pdf', content: PDF },
      { name: 'cda.xml', content: cda },
      { name: 'b.pdf', content: PDF },
    ]),
  )
  expect(found.documents).toMatchObject([{ cda: { uniqueId: UNIQUE_ID } }])
  expect(found.ignored).toHaveLength(2)
})

describe('nothing that could be a document is cut', () => {
  test.each([
    ['an archive', Buffer.concat([Buffer.from('PK\x03\x04'), PDF])],
    ['XML whose comment starts like a PDF', Buffer.from(`<!--%PDF-1.7-->${' '.repeat(30_000)}<a/>`)],
    ['text', Buffer.alloc(60_000, 'texte ')],
  ])('%s', (_, content) => {
    const eml = mailOf([{ name: 'x', content }])
    expect(shortened(eml)).toBe(eml)
  })

  test.each(['Content-Type: text/plain', 'Content-Type: text/html', 'X-None: 1'])(
    'a text that starts like a PDF and hides a document: %s',
    async type => {
      const hidden = Buffer.concat([Buffer.from('%PDF-1.7'), Buffer.alloc(60_000, ' texte'), Buffer.from('<ClinicalDocument/>')])
      const eml = mailOf([{ name: 'x', content: hidden }])
        .toString()
        .replace(/Content-Type: application.*/, type)
      expect((await recognise(Buffer.from(eml))).faults).toEqual(['document-in-text'])
    },
  )

  test('a boundary of which another reader knows stays', () => {
    const lines = PDF.toString('base64').replace(/.{76}/g, '$&\r\n')
    const inner = mailOf([{ name: 'x.pdf', content: PDF }])
      .toString()
      .replace(lines, `${lines}\r\n--hidden\r\nkept\r\n`)
    expect(Buffer.from(shortened(Buffer.from(inner))).toString()).toContain('--hidden\r\nkept\r\n')
  })
})

test('a PDF that says it is an archive is still held', async () => {
  const { documents } = await recognise(mailOf([{ name: 'IHE_XDM.zip', content: PDF }]))
  expect(documents).toMatchObject([{ faults: ['zip-malformed'] }])
})
