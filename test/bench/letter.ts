import { createHash } from 'node:crypto'

/** A message made for one sending: its header, then a body shared by every message of its size. */
export interface Letter {
  id: string
  header: Buffer
  body: Buffer
}

const BOUNDARY = 'bench-0f1e2d3c4b5a'
const TEXT = `Bonjour,\r\n\r\nVeuillez trouver ci-joint le compte rendu de la consultation de ce jour.\r\nJe reste à votre disposition.\r\n\r\nBien confraternellement,\r\nDr Fictif\r\n`

/**
 * The body of a doctor's letter: a text and a PDF in base64, closed by the final dot of DATA.
 * @param bytes the length wanted of the whole message on the wire; what is returned is 1 KB shorter at most
 */
export function buildBody(bytes: number): Buffer {
  const head = [
    `--${BOUNDARY}`,
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    TEXT,
    `--${BOUNDARY}`,
    'Content-Type: application/pdf; name="compte-rendu.pdf"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="compte-rendu.pdf"',
    '',
    '',
  ].join('\r\n')
  const room = bytes - head.length - 700
  const pdf = buildPdf(Math.floor((room / 78) * 57))
  const lines = pdf.toString('base64').match(/.{1,76}/g) ?? []
  return Buffer.from(`${head}${lines.join('\r\n')}\r\n--${BOUNDARY}--\r\n.\r\n`)
}

/**
 * @param number makes the Message-ID unique, as `<bench.N@…>`; the sink reads it to count each message once
 * @param from the sender, alone in From (it is compared with MAIL FROM)
 */
export function buildHeader(number: string, from: string, to: string): Buffer {
  const header = [
    `Message-ID: <bench.${number}@poste.mssante.example>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `From: Docteur Fictif <${from}>`,
    `To: <${to}>`,
    'Subject: =?utf-8?Q?Compte_rendu_de_consultation?=',
    'X-MSS-CLIENT: bench 1.0',
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    '',
    '',
  ]
  return Buffer.from(header.join('\r\n'))
}

/** A small well-formed frame around bytes that do not compress, as a scanned letter is. */
export function buildPdf(bytes: number): Buffer {
  const head = Buffer.from('%PDF-1.7\n1 0 obj\n<< /Type /XObject /Subtype /Image /Filter /DCTDecode >>\nstream\n')
  const tail = Buffer.from('\nendstream\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n')
  const noise: Buffer[] = []
  for (let block = 0; block * 32 < bytes; block++) noise.push(createHash('sha256').update(`bench ${block}`).digest())
  return Buffer.concat([head, Buffer.concat(noise).subarray(0, Math.max(0, bytes - head.length - tail.length)), tail])
}
