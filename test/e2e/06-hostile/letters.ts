import { randomUUID } from 'node:crypto'
import {
  buildCda,
  buildMail,
  buildPdf,
  buildZip,
  type FictionalPatient,
  type MailPart,
  oidOf,
  sampleAuthor,
  samplePatient,
} from '../../world/letter.ts'

/** A letter with the given attachments, from the box that may file. */
export function letterWith(from: string, to: string, parts: readonly MailPart[]): Buffer {
  const text: MailPart = { type: 'text/plain; charset=utf-8', content: 'Bonjour,\r\n\r\nCi-joint un document.\r\n' }
  return buildMail({
    from,
    to,
    subject: 'Document',
    date: new Date(),
    messageId: `${randomUUID()}@alpha.mssante.example`,
    parts: [text, ...parts],
  })
}

/** @param patient departures from the fictional patient; an empty `ins` leaves it out */
export function cda(patient: Partial<FictionalPatient> = {}): string {
  const { ins, ...traits } = { ...samplePatient, ...patient }
  return buildCda({
    uniqueId: oidOf(randomUUID()),
    patient: ins ? { ...traits, ins } : traits,
    author: sampleAuthor,
    now: new Date(),
    body: { mediaType: 'application/pdf', content: buildPdf(['Lettre']) },
  }).toString()
}

export const xmlPart = (content: string): MailPart => ({ type: 'text/xml', content, filename: 'document.xml' })
export const zipPart = (content: Buffer): MailPart => ({ type: 'application/zip', content, filename: 'IHE_XDM.zip' })

/** Two hundred megabytes of zeros in a file of some kilobytes. */
export async function zipBomb(): Promise<Buffer> {
  return buildZip([{ name: 'IHE_XDM/SUBSET01/DOC0001.XML', content: Buffer.alloc(200 * 1024 * 1024) }], new Date())
}

/** The library that writes zips refuses such names, so one of the same length is put in its place. */
export async function zipThatEscapes(): Promise<Buffer> {
  const zip = await buildZip([{ name: 'AAAAAAAAAAAAAA/passwd.xml', content: cda() }], new Date())
  return Buffer.from(zip.toString('latin1').replaceAll('AAAAAAAAAAAAAA/', '../../../../etc/'.slice(0, 15)), 'latin1')
}

/** The "billion laughs": a few hundred octets that unfold to gigabytes. */
export function xmlWithEntities(): string {
  const laughs = Array.from({ length: 9 }, (_, level) => `<!ENTITY l${level + 1} "${`&l${level};`.repeat(10)}">`)
  return cda()
    .replace(/^<\?xml[^>]*\?>/, `<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY l0 "lol">${laughs.join('')}]>`)
    .replace('<title>', '<title>&l9;')
}

/** An entity that names a file of the machine. */
export function xmlThatReadsAFile(): string {
  return cda()
    .replace(/^<\?xml[^>]*\?>/, '<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>')
    .replace('<title>', '<title>&f;')
}

/** Multiparts within multiparts. */
export function nested(from: string, depth: number): Buffer {
  const open = Array.from({ length: depth }, (_, level) => `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`)
  const close = Array.from({ length: depth }, (_, level) => `--b${depth - 1 - level}--\r\n`)
  return Buffer.from(`From: <${from}>\r\nMIME-Version: 1.0\r\n${open.join('')}\r\nfin\r\n${close.join('')}`)
}

export function manyParts(from: string, count: number): Buffer {
  return Buffer.from(
    `From: <${from}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(count)}--b--\r\n`,
  )
}
