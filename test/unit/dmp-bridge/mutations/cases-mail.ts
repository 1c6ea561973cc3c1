import { signOpaque } from '../../../../crypto/cms/index.ts'
import { buildMail, type MailPart } from '../../../world/letter.ts'
import { attached, instead, type Scene } from './bend.ts'
import type { Case } from './case.ts'

const alone = (change: (part: MailPart, scene: Scene) => MailPart) => (parts: MailPart[], scene: Scene) =>
  instead(change(attached(scene.cda), scene))(parts)

/** A CDA as the only attachment, its header section and body written by hand. */
const byHand =
  (header: string, encode: (cda: Buffer) => string) =>
  (_: Buffer, { cda }: Scene) => {
    const body = `--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\n${header}\r\n\r\n${encode(cda)}\r\n--b--\r\n`
    return Buffer.from(`From: a@a.mssante.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${body}`, 'latin1')
  }
const XML = 'Content-Type: text/xml\r\nContent-Disposition: attachment; filename=a.xml'
const raw = (cda: Buffer) => cda.toString('latin1')
const quoted = (cda: Buffer) =>
  [...cda]
    .map(byte =>
      byte === 10
        ? '=0A=\r\n'
        : byte > 126 || byte < 32 || byte === 61
          ? `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
          : String.fromCharCode(byte),
    )
    .join('')
    .replace(/[^\r\n]{1,70}(?=[^\r\n=]{4})/g, '$&=\r\n')
const nested =
  (times: number) =>
  (eml: Buffer, { now }: Scene) => {
    let inner = eml
    for (let each = 0; each < times; each++) {
      const head = {
        from: 'a@a.mssante.test',
        to: 'b@b.mssante.test',
        subject: 'TR',
        date: now,
        messageId: `${each}@a.mssante.test`,
        boundary: `level-${each}`,
      }
      inner = buildMail({
        ...head,
        parts: [
          { type: 'text/plain', content: 'x' },
          { type: 'message/rfc822', content: inner, encoding: '8bit' },
        ],
      })
    }
    return inner
  }
const multiparts =
  (depth: number) =>
  (_: Buffer, { cda }: Scene) => {
    const part = (level: number): string =>
      level === 0
        ? `${XML}\r\nContent-Transfer-Encoding: base64\r\n\r\n${cda.toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`
        : `Content-Type: multipart/mixed; boundary=b${level}.\r\n\r\n--b${level}.\r\n${part(level - 1)}--b${level}.--\r\n`
    return Buffer.from(`From: a@a.mssante.test\r\nMIME-Version: 1.0\r\n${part(depth)}`)
  }

async function signed(content: Uint8Array, now: Date): Promise<Buffer> {
  const { createCmsWorld } = await import('../../crypto/cms-people.ts')
  await using world = await createCmsWorld(now)
  const pieces: Buffer[] = []
  for await (const piece of signOpaque(content, { by: [{ identity: world.people.ec.identity }], at: now })) pieces.push(piece)
  return Buffer.concat(pieces)
}
const p7m = async (parts: MailPart[], { cda, now }: Scene) =>
  instead({ type: 'application/pkcs7-mime; smime-type=signed-data', filename: 'smime.p7m', content: await signed(cda, now) })(parts)

/** How the message carries its parts: what one reader may miss waits, the octets are those that were sent. */
export const mails: readonly Case[] = [
  {
    name: 'in base64',
    bend: { eml: byHand(`${XML}\r\nContent-Transfer-Encoding: base64`, cda => cda.toString('base64').replace(/.{76}/g, '$&\r\n')) },
    expect: ['filed'],
  },
  {
    name: 'in quoted-printable',
    bend: { eml: byHand(`${XML}\r\nContent-Transfer-Encoding: quoted-printable`, quoted) },
    expect: ['filed'],
  },
  {
    name: 'in 8 bits',
    bend: { cda: xml => xml.trimEnd().replaceAll('\n', '\r\n'), eml: byHand(`${XML}\r\nContent-Transfer-Encoding: 8bit`, raw) },
    expect: ['filed'],
  },
  {
    name: 'in binary',
    bend: { cda: xml => xml.trimEnd().replaceAll('\n', '\r\n'), eml: byHand(`${XML}\r\nContent-Transfer-Encoding: binary`, raw) },
    expect: ['filed'],
  },
  {
    name: 'two transfer encodings',
    bend: { eml: byHand(`${XML}\r\nContent-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 8bit`, cda => cda.toString('base64')) },
    expect: ['held message-malformed'],
  },
  {
    name: 'two types',
    bend: {
      eml: byHand(`Content-Type: text/plain\r\n${XML}\r\nContent-Transfer-Encoding: base64`, cda =>
        cda.toString('base64').replace(/.{76}/g, '$&\r\n'),
      ),
    },
    expect: ['held message-malformed'],
  },
  {
    name: 'a line that is too long',
    bend: { eml: byHand(`${XML}\r\nContent-Transfer-Encoding: base64`, () => 'A'.repeat(300_000)) },
    expect: ['held line-too-long'],
  },
  {
    name: 'a header that is too long',
    bend: { eml: byHand(`${XML}\r\n${`X-A: ${'b'.repeat(900)}\r\n`.repeat(200)}X-B: c`, raw) },
    expect: ['held header-too-big'],
  },
  {
    name: 'a name by RFC 2231',
    bend: {
      eml: byHand(
        "Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n filename*0*=UTF-8''IHE%5F;\r\n filename*1*=XDM.xml\r\nContent-Transfer-Encoding: base64",
        cda => cda.toString('base64').replace(/.{76}/g, '$&\r\n'),
      ),
    },
    expect: ['filed'],
  },
  { name: 'a name that is a path', bend: { parts: alone(part => ({ ...part, filename: '../../etc/passwd' })) }, expect: ['filed'] },
  {
    name: 'inline, without a name',
    bend: {
      eml: byHand('Content-Type: application/xml\r\nContent-Transfer-Encoding: base64', cda =>
        cda.toString('base64').replace(/.{76}/g, '$&\r\n'),
      ),
    },
    expect: ['filed'],
  },
  {
    name: 'as the text of the message',
    bend: { eml: byHand('Content-Type: text/plain; charset=utf-8', raw) },
    expect: ['held document-in-text'],
  },
  {
    name: 'as the HTML of the message',
    bend: { eml: byHand('Content-Type: text/html; charset=utf-8', raw) },
    expect: ['held document-in-text'],
  },
  { name: 'forwarded', bend: { eml: nested(1) }, expect: ['filed'] },
  { name: 'forwarded three times', bend: { eml: nested(3) }, expect: ['filed'] },
  { name: 'forwarded four times', bend: { eml: nested(4) }, expect: ['held too-deep'] },
  { name: 'multiparts in multiparts', bend: { eml: multiparts(5) }, expect: ['filed'] },
  { name: 'too many multiparts in multiparts', bend: { eml: multiparts(20) }, expect: ['held too-deep'] },
  {
    name: 'too many parts',
    bend: { parts: parts => [...parts, ...Array.from({ length: 250 }, () => ({ type: 'text/plain', content: 'x' }))] },
    expect: ['held too-many-parts'],
  },
  { name: 'signed, as .p7m', bend: { parts: p7m }, expect: ['filed'] },
  {
    name: 'a .p7m that can not be read',
    bend: { parts: instead({ type: 'application/pkcs7-mime', filename: 'smime.p7m', content: Buffer.from([0x30, 0x80, 0x06]) }) },
    expect: [],
  },
  {
    name: 'encrypted content beside the archive',
    bend: {
      parts: parts => [
        ...parts,
        { type: 'application/pkcs7-mime; smime-type=enveloped-data', filename: 'x.p7m', content: Buffer.from([0x30, 0x80, 0x06]) },
      ],
    },
    expect: ['filed'],
  },
  { name: 'cut in the middle', bend: { eml: eml => eml.subarray(0, eml.length / 2) }, expect: ['held zip-malformed'] },
  { name: 'no document at all', bend: { parts: parts => parts.slice(0, 1) }, expect: [] },
]
