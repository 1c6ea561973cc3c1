import { type Attachment, type ParsedMail, simpleParser } from 'mailparser'
import { CONTENT_LIMITS, ContentFault, ContentGuard } from '../content-guard.ts'
import { type Dsn, readDsn } from './dsn-read.ts'
import { type Mdn, messageIdIn, readMdn } from './mdn.ts'

export type Report = Dsn | Mdn

/**
 * How much of a report is read. The machine part comes second (RFC 6522 §3); what follows is the message it answers, whose
 * documents an ANS processing receipt attaches once more: nobody needs them here.
 */
export const REPORT_BYTES = 512 * 1024

const caps = { ...CONTENT_LIMITS, parts: 100, depth: 10 }

/** mailparser's defaults turn HTML into text and text into HTML, for seconds when the HTML is made for it. */
const options = { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true, keepDeliveryStatus: true }

/**
 * Reads a message as a delivery status or a disposition notification. Costly for a hostile message: call it in a thread.
 * @param eml the message, CRLF line ends
 * @returns undefined when it is no report, or one that says nothing we understand
 */
export async function readReport(eml: Uint8Array): Promise<Report | undefined> {
  const start = Buffer.from(eml.buffer, eml.byteOffset, Math.min(eml.byteLength, REPORT_BYTES))
  if (!isWithinCaps(start)) return undefined
  const mail = await parse(start)
  if (mail === undefined) return undefined
  const report = readParts(mail) ?? readMdn(misplacedFields(start), mail.subject)
  if (report === undefined) return undefined
  const headerMessageId = returnedMessageId(mail.attachments)
  return headerMessageId === undefined ? report : { ...report, headerMessageId }
}

function isWithinCaps(start: Buffer): boolean {
  const guard = new ContentGuard(caps)
  guard.write(start)
  try {
    guard.end()
    return true
  } catch (error) {
    // What is read may end between CR and LF; anything else was refused at the door, or is none of our reports.
    if (error instanceof ContentFault) return error.reason === 'bareCr' && guard.fault === undefined
    throw error
  }
}

async function parse(start: Buffer): Promise<ParsedMail | undefined> {
  try {
    return await simpleParser(start, options)
  } catch {
    return undefined // whatever the library trips over, this report cannot be read; its words may be health data
  }
}

function readParts(mail: ParsedMail): Report | undefined {
  for (const part of mail.attachments) {
    const type = part.contentType.toLowerCase()
    if (/^message\/(?:global-)?delivery-status$/.test(type)) return readDsn(part.content.toString('utf8'))
    if (/^message\/(?:global-)?disposition-notification$/.test(type)) return readMdn(part.content.toString('utf8'), mail.subject)
  }
  return undefined
}

/** The example that the ANS publishes has no empty line after Content-Type: its fields are the part's header, and the library drops them. */
function misplacedFields(start: Buffer): string {
  const text = start.toString('utf8')
  return /^content-type:[ \t]*message\/disposition-notification[^\r\n]*\r\n((?:(?!--)[^\r\n]+\r\n)+)/im.exec(text)?.[1] ?? ''
}

function returnedMessageId(attachments: readonly Attachment[]): string | undefined {
  const returned = attachments.find(part => /^(?:text\/rfc822-headers|message\/(?:rfc822|global|global-headers))$/i.test(part.contentType))
  const header = returned?.content.toString('latin1', 0, 65_536).split(/\r?\n\r?\n/, 1)[0]
  return messageIdIn(/^message-id[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)/im.exec(header ?? '')?.[1])
}
