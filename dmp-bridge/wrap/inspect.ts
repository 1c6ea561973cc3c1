import type { FoundDocument, Recognition } from '../facts.ts'
import type { Policy, Sender } from '../policy.ts'
import type { Tables } from '../tables.ts'
import { wrappedId } from './cda-n1.ts'
import type { Description } from './description.ts'
import { checkPdf, type PdfFacts } from './pdf-a.ts'
import { type Wrapped, wrap } from './wrap.ts'

/** A file that is no CDA, as an operator looks at it. */
export interface FileReport {
  kind: NonNullable<FoundDocument['candidate']>['kind']
  mediaType: string
  /** of a PDF: what was found of PDF/A-1; of a CDA of level 1, only told */
  pdf?: PdfFacts
}

/** @returns what is told of a file without identity, and of the PDF in a CDA of level 1: a fact, since its author has chosen it */
export async function fileFacts({ candidate, cda, content }: FoundDocument): Promise<{ file?: FileReport; pdf?: PdfFacts }> {
  if (candidate) {
    const pdf = candidate.kind === 'pdf' ? { pdf: await checkPdf(content) } : {}
    return { file: { kind: candidate.kind, mediaType: candidate.mediaType, ...pdf } }
  }
  if (cda?.body !== 'N1' || cda.mediaType !== 'application/pdf') return {}
  const [, base64 = ''] =
    /<(?:\w+:)?nonXMLBody\b[^>]*>\s*<(?:\w+:)?text\b[^>]*>([^<]*)</.exec(Buffer.from(content).toString('latin1')) ?? []
  return base64 === '' ? {} : { pdf: await checkPdf(Buffer.from(base64, 'base64')) }
}

/**
 * Who sends a file of which nobody says whose box it comes from: who answers for the automated processing, a doctor here, in the structure of the
 * certificate, so that every other rule is seen.
 */
export function assumedSender({ candidate }: FoundDocument, policy: Policy): Sender {
  const { idNatPs, name } = policy.responsible
  return {
    address: '',
    idNatPs,
    structures: [policy.structure],
    declared: true,
    person: {
      family: name,
      given: '',
      specialty: { code: 'G15_10', label: 'Médecin', system: '1.2.250.1.213.1.1.4.5' },
      structure: { id: policy.structure, name: candidate?.from || policy.structureName },
    },
  }
}

/** Wraps one candidate of a file as it would be wrapped in a message that was sent now. */
export function wrapForInspection(asked: {
  document: FoundDocument
  recognition: Recognition
  description: Description
  sender: Sender
  policy: Policy
  tables: Tables
  now: Date
  read(name: string, bytes: Uint8Array): Promise<Recognition>
}): Promise<Wrapped> {
  const { document, recognition, now } = asked
  const place = recognition.documents.indexOf(document) + 1
  const uniqueId = wrappedId({ messageId: '', place, sha256: document.sha256, describedAt: now.getTime() })
  return wrap({ ...asked, uniqueId, writtenAt: now.getTime() })
}
