import { tablesIn } from './ans/ans-tables.ts'
import { type RequestContext, soapEnvelope } from './envelope.ts'
import type { FoundDocument } from './facts.ts'
import { sameIns } from './ins.ts'
import { depositorOf, entryMetadata, setMetadata, signatureMetadata } from './metadata.ts'
import { buildMtom } from './mtom.ts'
import type { Tables } from './tables.ts'
import { provideAndRegister, type SubmittedDocument } from './xdsb.ts'

export type { RequestContext, Signers } from './envelope.ts'
export type { Software } from './vihf.ts'

/** One request of ITI-41, ready to be posted. */
export interface SubmissionRequest {
  /** of the HTTP request: multipart/related */
  contentType: string
  soapAction: string
  body: Buffer
  /** new for each attempt */
  submissionSetUniqueId: string
  /** of the documents, in their order: the same for ever, so that a double is known as one */
  uniqueIds: string[]
}

/** No request can be made of these documents, whenever it is tried. */
export interface Unfit {
  unfit: 'too-complex'
}

/** In the registry entry and in the XAdES document alike. */
const SIGNATURE_ID = 'Signature01'

export const PROVIDE_AND_REGISTER = 'urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b'

/**
 * Builds TD2.1a, or TD2.1b when it replaces another, for documents that `decide` lets through: metadata, signature of the submission set, VIHF,
 * MTOM. The bytes of the documents are the ones that were found.
 * @param documents one, or several of one patient and one depositor (spec dmp §1.5); what replaces another goes alone
 * @throws Error when a document lacks what would have held it, or when they don't belong into one submission
 */
export function buildSubmission(documents: FoundDocument | readonly FoundDocument[], context: RequestContext): SubmissionRequest {
  const tables = tablesIn(context.policy.ansFiles)
  const lot = [documents].flat().map(document => described(document, context, tables))
  const [first, ...others] = lot
  const ids = new Set(lot.map(({ entry }) => entry.uniqueId))
  if (!first || ids.size < lot.length || !others.every(each => belong(first, each))) {
    throw new Error('the documents of one submission are of one patient and one depositor, each once, and what replaces another goes alone')
  }
  const { newId, now, signers } = context
  const { cda, entry, depositor, ins } = first
  const set = setMetadata(cda, entry, { ...context, depositor, tables, setId: newId(), others: others.length })
  const signature = signatureMetadata(entry, set, tables, newId())
  const xades = signers.signSubmissionSet({
    submissionSetUniqueId: set.uniqueId,
    documents: lot.map(({ entry, content }) => ({ uniqueId: entry.uniqueId, content })),
    now,
    signatureId: SIGNATURE_ID,
  })
  const submitted = lot.map(
    ({ entry }, index): SubmittedDocument => ({
      id: `Document${String(index + 1).padStart(2, '0')}`,
      metadata: entry,
      contentId: `document-${newId()}@pli`,
      ...(context.replaces === undefined ? {} : { replaces: context.replaces }),
    }),
  )
  const signed: SubmittedDocument = { id: SIGNATURE_ID, metadata: signature, contentId: `signature-${newId()}@pli` }
  const envelope = soapEnvelope(PROVIDE_AND_REGISTER, ins, provideAndRegister(set, submitted, signed), context, depositor)
  const contents = [...lot.map(({ content }) => content), Buffer.from(xades)]
  const attachments = [...submitted, signed].map(({ contentId, metadata }, index) => ({
    contentId,
    contentType: metadata.mimeType,
    content: contents[index] ?? Buffer.alloc(0),
  }))
  return {
    ...buildMtom(envelope, attachments, { action: PROVIDE_AND_REGISTER, uuid: newId() }),
    soapAction: PROVIDE_AND_REGISTER,
    submissionSetUniqueId: set.uniqueId,
    uniqueIds: lot.map(({ entry }) => entry.uniqueId),
  }
}

/**
 * The same for the worker: a document that our signature can't be made over (nested or named beyond any sense) is told as data, since an
 * error loses its class on the way out of a thread.
 */
export function prepareSubmission(...given: Parameters<typeof buildSubmission>): SubmissionRequest | Unfit {
  try {
    return buildSubmission(...given)
  } catch (error) {
    if (error instanceof Error && 'reason' in error && error.reason === 'too-complex') return { unfit: 'too-complex' }
    throw error
  }
}

type Described = ReturnType<typeof described>

/** One document with what is said of it. */
function described(document: FoundDocument, context: RequestContext, tables: Tables) {
  const { cda } = document
  const ins = cda?.patient.ins
  if (!cda || !ins) throw new Error('only a document that was read and identified can be submitted')
  if ((cda.replaces === undefined) !== (context.replaces === undefined)) {
    throw new Error('a document that replaces another is submitted with the entry that it replaces, and no other is')
  }
  const content = Buffer.from(document.content.buffer, document.content.byteOffset, document.content.byteLength)
  return { cda, ins, content, entry: entryMetadata(cda, tables), depositor: depositorOf(cda, context.sender, context.policy) }
}

function belong(first: Described, other: Described): boolean {
  const isOfOne = sameIns(first.ins, other.ins) && first.depositor.structure === other.depositor.structure
  return isOfOne && first.depositor.idNatPs === other.depositor.idNatPs && first.cda.replaces === undefined
}
