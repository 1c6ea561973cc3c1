import { type Attachment, type ParsedMail, simpleParser } from 'mailparser'
import { Budget, TooManyDocuments } from './budget.ts'
import { exceededCap, type Limits } from './caps.ts'
import { readCda } from './cda.ts'
import { withConformity } from './conformity.ts'
import type { FoundDocument, MetadataFacts, Recognition } from './facts.ts'
import { found, withReading } from './found.ts'
import { hidesDocument, kindOf, looksLikeCda, pretence } from './kinds.ts'
import { readOther } from './others.ts'
import { withoutPlainBodies } from './plain-bodies.ts'
import type { Reason } from './reasons.ts'
import { isEntity, isSignedData, signedContent } from './signed-part.ts'
import { judgeSubject } from './subject.ts'
import { type CandidateCount, candidateCount, withCandidate } from './wrap/candidate.ts'
import { settleCandidates } from './wrap/settle.ts'
import { readArchive } from './xdm.ts'

export type { CdaFacts, FoundDocument, Ignored, MetadataFacts, PartyFacts, PatientFacts, Recognition } from './facts.ts'

export interface RecogniseOptions {
  /** files that are no CDA are looked at too: the sender may have them wrapped. Without it they are not even decoded */
  candidates?: boolean
  /** folder of the files of the ANS, by which documents are checked too */
  ansFiles?: string
}

/** Messages in messages are opened to this depth, below the one that carries them. */
const MAX_NESTED = 3

/**
 * Finds the health documents of a message: a CDA alone, or in an IHE_XDM.zip (ECO.2.1.1). Content decides, then name and type.
 * Nothing of the message is a reason to throw: what can't be read is a fault, or a document with a fault.
 * @param eml the whole message as it came
 */
export async function recogniseMessage(eml: Uint8Array, limits: Limits, options: RecogniseOptions = {}): Promise<Recognition> {
  const count = options.candidates ? { candidates: candidateCount() } : {}
  const result = await within(limits, options.ansFiles, budget => readMessage('', eml, { limits, budget, nested: 0, ...count }))
  return settleCandidates({ ...result, ignored: withCopies(result) })
}

/**
 * The same for a file of the operator: a message, an archive or one document, told by its content, then by its name.
 * @param name of the file, for its place in the result and where content does not tell
 */
export async function recogniseFile(name: string, bytes: Uint8Array, limits: Limits, options: RecogniseOptions = {}): Promise<Recognition> {
  if (/\.eml$/i.test(name)) return recogniseMessage(bytes, limits, options)
  const part = { path: name.split(/[\\/]/).at(-1) ?? name, content: bytes, type: '', inline: false }
  const count = options.candidates ? { candidates: candidateCount() } : {}
  return settleCandidates(await within(limits, options.ansFiles, budget => readPart(part, { limits, budget, nested: 0, ...count })))
}

/** More documents than are ever judged are none: what is judged takes time on the thread of the mail. */
async function within(limits: Limits, ansFiles: string | undefined, read: (budget: Budget) => Promise<Recognition>): Promise<Recognition> {
  try {
    return await withConformity(await read(new Budget(limits)), ansFiles)
  } catch (error) {
    if (error instanceof TooManyDocuments) return nothing('too-many-documents')
    throw error
  }
}

/** How one message is read: `nested` counts the messages around it. */
interface Reading {
  limits: Limits
  budget: Budget
  nested: number
  /** files that are no CDA are candidates; absent in a forwarded message, whose author is another */
  candidates?: CandidateCount
}

interface Part {
  path: string
  content: Uint8Array
  type: string
  /** an image of the text, by its headers */
  inline: boolean
}

async function readMessage(path: string, eml: Uint8Array, reading: Reading): Promise<Recognition> {
  const bodies: number[] = []
  const broken = exceededCap(eml, reading.limits, start => bodies.push(start))
  if (broken) return nothing(broken)
  const mail = await parse(reading.candidates ? eml : withoutPlainBodies(eml, bodies))
  if (!mail) return nothing('message-malformed')
  const results: Recognition[] = []
  for (const [index, attachment] of mail.attachments.entries()) {
    results.push(await readPart(partOf(attachment, path, index, mail.html || ''), reading))
  }
  if (hidesDocument(mail.text ?? '') || hidesDocument(mail.html || '')) results.push(nothing('document-in-text'))
  return withSubject(mail.subject ?? '', merge(results))
}

/** What the subject says is about every document of the message. */
function withSubject(subject: string, result: Recognition): Recognition {
  const judged = (each: FoundDocument) => {
    if (each.candidate) return { ...each, candidate: { subject, ...each.candidate } } // its patient is not known yet
    return each.cda ? { ...each, faults: [...each.faults, ...judgeSubject(subject, each.cda.patient)] } : each
  }
  return { ...result, documents: result.documents.map(judged) }
}

/**
 * Every option that makes mailparser build HTML is off: 0.6 MB of `<div>` would hold the thread for seconds. A message in a message is left to
 * us, even one that is shown inline: mailparser would give its parts as the outer one's, and nobody would read its subject.
 */
async function parse(eml: Uint8Array): Promise<ParsedMail | undefined> {
  try {
    return await simpleParser(Buffer.from(eml.buffer, eml.byteOffset, eml.byteLength), {
      skipHtmlToText: true,
      skipTextToHtml: true,
      skipTextLinks: true,
      skipImageLinks: true,
      ...({ ignoreEmbedded: true } as object), // of its splitter, not in its types
    })
  } catch {
    return undefined
  }
}

function partOf(attachment: Attachment, path: string, index: number, html: string): Part {
  const number = attachment.partId ?? String(index + 1)
  const name = (attachment.filename ?? '').replace(/[\\/\0-\x1f\x7f]/g, '_')
  return {
    path: [path, number, name].filter(each => each !== '').join('/'),
    content: attachment.content,
    type: attachment.contentType.toLowerCase(),
    inline: isInline(attachment, html),
  }
}

/** RFC 2392: what the text refers to by its Content-ID, or could (RFC 2387, RFC 2183). */
function isInline({ contentDisposition, cid, related }: Attachment, html: string): boolean {
  if (related || cid === undefined) return related
  return contentDisposition === 'inline' || html.includes(`cid:${cid}`)
}

async function readPart(part: Part, reading: Reading): Promise<Recognition> {
  if (part.type === 'message/rfc822' || part.type === 'message/global') return readForwarded(part, reading)
  if (isSignedData(part.content)) return readSigned(part, reading)
  if (kindOf(part.content) === 'zip') return readArchive(part.path, part.content, reading.limits, reading.budget)
  if (looksLikeCda(part.content)) {
    const cda = readCda(part.content, reading.limits)
    if (cda.kind !== 'not-a-cda') {
      reading.budget.takeDocument()
      return { documents: [withReading(found(part.path, ownBytes(part.content), []), cda)], ignored: [], faults: [] }
    }
  }
  const pretended = pretence(part.path, part.content, part.type)
  if (pretended) {
    reading.budget.takeDocument()
    return { documents: [found(part.path, ownBytes(part.content), [pretended])], ignored: [], faults: [] }
  }
  const other = readOther(part.path, part.content, part.type, reading.limits, reading.budget)
  return reading.candidates ? withCandidate(part, other, reading.candidates) : other
}

function readForwarded(part: Part, { candidates: _, ...reading }: Reading): Promise<Recognition> {
  return readInner(part, part.content, reading)
}

async function readInner(part: Part, eml: Uint8Array, reading: Reading): Promise<Recognition> {
  const inner = { ...reading, nested: reading.nested + 1 }
  return inner.nested <= MAX_NESTED ? readMessage(part.path, eml, inner) : nothing('too-deep')
}

/** What was signed may be a whole entity of MIME, as mail has it, or one file. A signature in a signature counts as a level too. */
async function readSigned(part: Part, reading: Reading): Promise<Recognition> {
  const content = await signedContent(part.content, reading.limits.maxMessageBytes)
  if (content === 'beside') return { documents: [], ignored: [{ path: part.path, reason: 'signature' }], faults: [] }
  if (content === 'unreadable') return nothing('signed-unreadable')
  if (isEntity(content)) return readInner(part, content, reading)
  const inner = { ...reading, nested: reading.nested + 1 }
  if (inner.nested > MAX_NESTED) return nothing('too-deep')
  return readPart({ path: part.path.replace(/\.p7m$/i, ''), content, type: '', inline: false }, inner)
}

/** mailparser may hand out slices of a shared buffer: a document owns its bytes, so that it can be moved between threads. */
function ownBytes(content: Uint8Array): Uint8Array {
  return new Uint8Array(content)
}

/** A PDF beside a CDA is the copy for readers without software (ECO.2.1.1): it is never filed. */
function withCopies(result: Recognition): Recognition['ignored'] {
  if (result.documents.every(each => each.candidate)) return result.ignored
  return result.ignored.map(each => (each.reason === 'pdf-alone' ? { ...each, reason: 'copy-beside-xdm' } : each))
}

function nothing(fault: Reason): Recognition {
  return { documents: [], ignored: [], faults: [fault] }
}

function merge(results: Recognition[]): Recognition {
  return {
    documents: results.flatMap(each => each.documents),
    ignored: results.flatMap(each => each.ignored),
    faults: [...new Set(results.flatMap(each => each.faults))],
    ...described(results.flatMap(each => each.described ?? [])),
    ...bornAt(results.flatMap(each => each.births ?? [])),
  }
}

function described(entries: MetadataFacts[]): { described?: MetadataFacts[] } {
  return entries.length === 0 ? {} : { described: entries }
}

function bornAt(births: string[]): { births?: string[] } {
  return births.length === 0 ? {} : { births: [...new Set(births)] }
}
