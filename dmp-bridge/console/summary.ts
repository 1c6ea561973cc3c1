import type { CdaFacts, Recognition } from '../facts.ts'
import type { FilingEntry } from './filing-list.ts'

/** What a document says of itself, for the screen of who may read it: made when it is looked at, kept nowhere. */
export interface DocumentSummary {
  title: string
  type: string
  patient: string
  /** matricule and traits, as far as the document has them */
  ins: string | undefined
  birthDate: string | undefined
  sex: string | undefined
  authors: string[]
  /** HL7 time of the document */
  date: string
  bytes: number
  format: string
  marks: string[]
}

export type SummaryResult =
  | { kind: 'document'; document: DocumentSummary }
  /** a file that does not say itself whose it is; its name may hold a patient's */
  | { kind: 'file'; name: string; mediaType: string; bytes: number }
  /** `released`: its bytes are kept no longer; `unreadable`: it has no header that can be read; `changed`: it is not what was judged */
  | { kind: 'released' | 'unreadable' | 'changed' }

export interface Summaries {
  of(filing: Pick<FilingEntry, 'messageId' | 'place' | 'sha256' | 'hasBytes'>): Promise<SummaryResult>
}

/** @param tools.read the message as it was accepted @param tools.recognise in a thread */
export function openSummaries(tools: {
  read: (messageId: string) => Promise<Uint8Array>
  recognise: (eml: Uint8Array) => Promise<Recognition>
}): Summaries {
  return {
    async of({ messageId, place, sha256, hasBytes }) {
      if (!hasBytes) return { kind: 'released' }
      const { documents } = await tools.recognise(await tools.read(messageId))
      const document = documents[place - 1]
      if (document && document.sha256 !== sha256) return { kind: 'changed' }
      if (document?.candidate) {
        const name = visible(document.path.split('/').at(-1) ?? '')
        return { kind: 'file', name, mediaType: document.candidate.mediaType, bytes: document.content.length }
      }
      if (!document?.cda) return { kind: 'unreadable' }
      return { kind: 'document', document: summaryOf(document.cda, document.content.length, document.marks) }
    },
  }
}

function summaryOf(cda: CdaFacts, bytes: number, marks: readonly string[]): DocumentSummary {
  const { patient, authors, typeCode } = cda
  return {
    title: visible(cda.title || typeCode.label || typeCode.code),
    type: visible(typeCode.label || typeCode.code),
    patient: visible([patient.birthName, patient.firstName].filter(Boolean).join(' ')),
    ins: patient.ins && visible(patient.ins.matricule),
    birthDate: patient.birthDate,
    sex: patient.sex,
    authors: authors.map(({ given, family, organisation }) =>
      visible([`${given} ${family}`.trim(), organisation].filter(Boolean).join(', ')),
    ),
    date: cda.effectiveTime,
    bytes,
    format: cda.body === 'N3' ? 'structuré (CDA niveau 3)' : `${cda.mediaType ?? 'fichier'} (CDA niveau 1)`,
    marks: [...marks],
  }
}

/** Marks that turn the writing round, or are nothing at all on a screen, would let a name be read as another. */
function visible(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
