import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signDetached, signOpaque } from '../../../crypto/cms/index.ts'
import { DEFAULT_LIMITS } from '../../../dmp-bridge/caps.ts'
import { recogniseMessage } from '../../../dmp-bridge/recognise.ts'
import { buildMail, type MailPart } from '../../world/letter.ts'
import { type CmsWorld, createCmsWorld } from '../crypto/cms-people.ts'
import { cdaOf, letterOf, NOW, read, UNIQUE_ID, verdicts } from './samples.ts'

let world: CmsWorld
let letter: Buffer

beforeAll(async () => {
  world = await createCmsWorld(NOW)
  letter = (await letterOf()).eml
})

afterAll(() => world?.[Symbol.asyncDispose]())

const HEAD = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject: 'Lettre', date: NOW, messageId: 'm@a.mssante.test' }

function mailOf(...parts: MailPart[]): Buffer {
  return buildMail({ ...HEAD, parts })
}

function signing() {
  return { by: [{ identity: world.people.ec.identity }], at: NOW }
}

async function opaque(content: Uint8Array): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of signOpaque(content, signing())) pieces.push(piece)
  return Buffer.concat(pieces)
}

function p7m(content: Buffer, type = 'application/pkcs7-mime; smime-type=signed-data'): Buffer {
  return mailOf({ type, filename: 'smime.p7m', content })
}

function recognise(eml: Uint8Array, limits = {}) {
  return recogniseMessage(eml, { ...DEFAULT_LIMITS, ...limits })
}

/** What is signed in mail is an entity: its header and its body. */
function entityOf(eml: Buffer): Buffer {
  return eml.subarray(eml.indexOf('Content-Type: multipart'))
}

describe('a signature beside the content', () => {
  test('the letter is read, the signature is one', async () => {
    const entity = entityOf(letter)
    const signature = await signDetached(entity, signing())
    const boundary = 'signed'
    const eml = Buffer.concat([
      Buffer.from(
        `From: a@a.mssante.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary="${boundary}";\r\n protocol="application/pkcs7-signature"; micalg=sha-256\r\n\r\n--${boundary}\r\n`,
      ),
      entity,
      Buffer.from(
        `\r\n--${boundary}\r\nContent-Type: application/pkcs7-signature; name="smime.p7s"\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
      ),
      Buffer.from(`${signature.toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n--${boundary}--\r\n`),
    ])
    const recognition = await recognise(eml)
    expect(verdicts(recognition)).toEqual(['file'])
    expect(recognition.ignored.map(({ reason }) => reason)).toContain('signature')
    expect(recognition.faults).toEqual([])
  })
})

describe('a signature around the content', () => {
  test.each(['application/pkcs7-mime; smime-type=signed-data', 'application/x-pkcs7-mime', 'application/octet-stream'])(
    '%s',
    async type => {
      const recognition = await recognise(p7m(await opaque(entityOf(letter)), type))
      expect(verdicts(recognition)).toEqual(['file'])
      expect(recognition.documents[0]?.path).toContain('IHE_XDM.zip')
    },
  )

  test('a whole message, its subject judged too', async () => {
    expect(verdicts(await recognise(p7m(await opaque(letter))))).toEqual(['file'])
    const other = Buffer.from(
      letter.toString('latin1').replace(/^Subject: (?:.*\r\n )*.*$/m, 'Subject: XDM/1.0/DDM+Lettre AUTRE LEO 02/06/1955'),
      'latin1',
    )
    expect(verdicts(await recognise(p7m(await opaque(other))))).toEqual([['subject-patient']])
  })

  test('one file', async () => {
    const signed = await opaque(Buffer.from(cdaOf()))
    expect(await read('cda.xml.p7m', signed)).toMatchObject({ documents: [{ path: 'cda.xml', cda: { uniqueId: UNIQUE_ID }, faults: [] }] })
    expect(await read('a.pdf.p7m', await opaque(Buffer.from('%PDF-1.4\n')))).toMatchObject({ ignored: [{ reason: 'pdf-alone' }] })
  })

  test('forwarded, and signed again: to a depth', async () => {
    const forwarded = mailOf(
      { type: 'text/plain', content: 'x' },
      { type: 'message/rfc822', filename: 'm.eml', content: p7m(await opaque(entityOf(letter))) },
    )
    expect(verdicts(await recognise(forwarded))).toEqual(['file'])
    const within = mailOf({ type: 'text/plain', content: 'x' }, { type: 'message/rfc822', filename: 'm.eml', content: letter })
    expect(verdicts(await recognise(p7m(await opaque(within))))).toEqual(['file'])
    let deep = letter
    for (let level = 0; level < 4; level++) deep = p7m(await opaque(deep))
    expect(await recognise(deep)).toEqual({ documents: [], ignored: [], faults: ['too-deep'] })
    let file = await opaque(Buffer.from(cdaOf()))
    for (let level = 0; level < 3; level++) file = await opaque(file)
    expect(await read('a.p7m', file)).toEqual({ documents: [], ignored: [], faults: ['too-deep'] })
  })

  test('the limits of a message hold inside', async () => {
    const signed = p7m(await opaque(entityOf(letter)))
    expect(await recognise(signed, { maxParts: 3 })).toMatchObject({ documents: [], faults: ['too-many-parts'] })
    const wide = Buffer.concat([Buffer.from('Content-Type: text/plain\r\n\r\n'), Buffer.alloc(300_000, 'x')])
    expect(await recognise(p7m(await opaque(wide)))).toMatchObject({ documents: [], faults: ['line-too-long'] })
  })

  test('what is broken waits', async () => {
    const signed = await opaque(entityOf(letter))
    expect(await recognise(p7m(signed.subarray(0, signed.length - 40)))).toMatchObject({ documents: [], faults: ['signed-unreadable'] })
    expect(await recognise(p7m(Buffer.concat([signed, Buffer.from('x')])))).toMatchObject({ faults: ['signed-unreadable'] })
  })
})

test('what is encrypted is not opened', async () => {
  const enveloped = Buffer.from('3080060b2a864886f70d0109100117a080', 'hex')
  expect(await recognise(p7m(enveloped))).toMatchObject({ documents: [], ignored: [{ reason: 'encrypted' }], faults: [] })
})
