import type { Candidate, FoundDocument, Recognition } from '../facts.ts'
import { found } from '../found.ts'
import { decodeHprim } from '../hprim-encoding.ts'
import type { Reason } from '../reasons.ts'
import { candidatesOfHprim } from './hprim-text.ts'
import { isLogo } from './images.ts'
import { isTwoThings } from './polyglot.ts'
import { looksLikeReport } from './report-text.ts'
import { rtfFault } from './rtf.ts'

/** A file of a message, with what tells a document from an ornament. */
export interface CandidatePart {
  path: string
  content: Uint8Array
  /** it stands in the text of an HTML mail, or is meant to */
  inline: boolean
}

/** A letter has a few attachments; beyond these, files are left alone as they were before. */
const MOST_CANDIDATES = 20

/** Counts over one message, whatever is nested in it. */
export interface CandidateCount {
  left: number
}

export function candidateCount(): CandidateCount {
  return { left: MOST_CANDIDATES }
}

/**
 * Turns a file that is no CDA into a candidate: something that becomes a document once a human says whose it is. What is none stays ignored, with
 * the reason that it had, so that no signature's logo asks anything of anybody.
 * @param other what was made of the file without this
 */
export function withCandidate(part: CandidatePart, other: Recognition, count: CandidateCount): Recognition {
  const [only, ...more] = other.ignored
  if (!only || more.length > 0 || other.documents.length > 0 || count.left === 0) return other
  const candidates = candidatesOf(part, only.reason)
  if ('reason' in candidates) return { ...other, ignored: [{ path: part.path, reason: candidates.reason }] }
  if (candidates.documents.length === 0 || candidates.documents.length > count.left) return other
  count.left -= candidates.documents.length
  return { ...other, documents: candidates.documents, ignored: [] }
}

function candidatesOf(part: CandidatePart, reason: Reason): { documents: FoundDocument[] } | { reason: Reason } {
  switch (reason) {
    case 'pdf-alone':
      return one(part.path, part.content, { kind: 'pdf', mediaType: 'application/pdf' })
    case 'rtf': {
      const fault = rtfFault(part.content)
      return one(part.path, part.content, { kind: 'rtf', mediaType: 'text/rtf' }, fault ? [fault] : [])
    }
    case 'image':
      return imageOf(part)
    case 'text': {
      const { text, doubtful } = decodeHprim(part.content)
      const isReport = /\.txt$/i.test(part.path) && !part.inline && !doubtful && looksLikeReport(text)
      return isReport ? one(part.path, Buffer.from(text), { kind: 'text', mediaType: 'text/plain' }) : { documents: [] }
    }
    case 'hprim':
      return { documents: candidatesOfHprim(part.path, part.content) }
    default:
      return { documents: [] }
  }
}

/** The DMP takes JPEG and TIFF (structuration minimale); the other kinds are drawings of mails. */
function imageOf(part: CandidatePart): { documents: FoundDocument[] } | { reason: Reason } {
  const [first, second] = part.content
  const candidate: Candidate | undefined =
    first === 0xff && second === 0xd8
      ? { kind: 'jpeg', mediaType: 'image/jpeg' }
      : first === 0x49 || first === 0x4d
        ? { kind: 'tiff', mediaType: 'image/tiff' }
        : undefined
  if (!candidate) return { documents: [] }
  return part.inline || isLogo(part.content, candidate.kind) ? { reason: 'image-of-mail' } : one(part.path, part.content, candidate)
}

function one(path: string, content: Uint8Array, candidate: Candidate, faults: Reason[] = []): { documents: FoundDocument[] } {
  const all: Reason[] = isTwoThings(content, candidate.kind) ? [...faults, 'file-active'] : faults
  return { documents: [{ ...found(path, new Uint8Array(content), all), candidate }] }
}
