import type { FoundDocument, Recognition } from '../facts.ts'
import type { Reason } from '../reasons.ts'
import { checkPdf, type PdfFacts } from './pdf-a.ts'

/**
 * Ends the look at a message: PDFs that are the copy of a document of it are left (ECO.2.1.1), all other candidates are checked. The check takes
 * longer than all the rest, so it is made for them alone.
 */
export async function settleCandidates(recognition: Recognition): Promise<Recognition> {
  if (!recognition.documents.some(each => each.candidate)) return recognition
  const copies = copiesIn(recognition.documents)
  // Last, so that what is found among them never moves a document from its place: rows know documents by it.
  const documents = recognition.documents.filter(each => !each.candidate)
  for (const each of recognition.documents) if (each.candidate && !copies.has(each)) documents.push(await checked(each))
  const left = [...copies].map(({ path }) => ({ path, reason: 'copy-beside-xdm' as const }))
  return { ...recognition, documents, ignored: [...recognition.ignored, ...left] }
}

async function checked(document: FoundDocument): Promise<FoundDocument> {
  if (document.candidate?.kind !== 'pdf') return document
  return { ...document, faults: [...document.faults, ...pdfFaults(await checkPdf(document.content))] }
}

/** @returns why a PDF can't be wrapped; the worst alone, since what is encrypted or broken tells nothing of the rest */
export function pdfFaults(facts: PdfFacts): Reason[] {
  if (facts.encrypted) return ['file-encrypted']
  if (facts.active) return ['file-active']
  if (facts.unreadable) return ['file-unreadable']
  return facts.faults.length > 0 ? ['not-pdfa'] : []
}

/**
 * A PDF is a copy when a document has it inside, octet by octet. A document that shows no PDF (structured without the section of copies, or one that
 * can't be read) has its copy beside it as the rule says, one for each; when there are more, nobody can tell which, and all of them wait.
 */
function copiesIn(documents: readonly FoundDocument[]): Set<FoundDocument> {
  const pdfs = documents.filter(each => each.candidate?.kind === 'pdf')
  const others = documents.filter(each => !each.candidate)
  const inside = new Set(others.flatMap(({ cda }) => cda?.pdfs ?? []))
  const copies = pdfs.filter(each => inside.has(each.sha256))
  const rest = pdfs.filter(each => !inside.has(each.sha256))
  const silent = new Set(others.filter(({ cda }) => (cda?.pdfs ?? []).length === 0).map(each => each.sha256))
  return new Set(rest.length <= silent.size ? [...copies, ...rest] : copies)
}
