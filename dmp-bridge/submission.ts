import { tablesIn } from './ans/ans-tables.ts'
import { type RequestContext, soapEnvelope } from './envelope.ts'
import type { FoundDocument } from './facts.ts'
import { depositorOf, entryMetadata, setMetadata, signatureMetadata } from './metadata.ts'
import { buildMtom } from './mtom.ts'
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
  /** of the document: the same for ever, so that a double is known as one */
  uniqueId: string
}

/** In the registry entry and in the XAdES document alike. */
const SIGNATURE_ID = 'Signature01'

export const PROVIDE_AND_REGISTER = 'urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b'

/**
 * Builds TD2.1a, or TD2.1b when it replaces another, for one document that `decide` lets through: metadata, signature of the submission set, VIHF, MTOM. The bytes
 * of the document are the ones that were found.
 * @throws Error when the document lacks what would have held it
 */
export function buildSubmission(document: FoundDocument, context: RequestContext): SubmissionRequest {
  const tables = tablesIn(context.policy.ansFiles)
  const { cda } = document
  const ins = cda?.patient.ins
  if (!cda || !ins) throw new Error('only a document that was read and identified can be submitted')
  if ((cda.replaces === undefined) !== (context.replaces === undefined)) {
    throw new Error('a document that replaces another is submitted with the entry that it replaces, and no other is')
  }
  const { newId, now, signers } = context
  const entry = entryMetadata(cda, tables)
  const depositor = depositorOf(cda, context.sender, context.policy)
  const set = setMetadata(cda, entry, { ...context, depositor, tables, setId: newId() })
  const signature = signatureMetadata(entry, set, tables, newId())
  const content = Buffer.from(document.content.buffer, document.content.byteOffset, document.content.byteLength)
  const xades = signers.signSubmissionSet({
    submissionSetUniqueId: set.uniqueId,
    documents: [{ uniqueId: entry.uniqueId, content }],
    now,
    signatureId: SIGNATURE_ID,
  })
  const submitted: SubmittedDocument = {
    id: 'Document01',
    metadata: entry,
    contentId: `document-${newId()}@pli`,
    ...(context.replaces === undefined ? {} : { replaces: context.replaces }),
  }
  const signed: SubmittedDocument = { id: SIGNATURE_ID, metadata: signature, contentId: `signature-${newId()}@pli` }
  const envelope = soapEnvelope(PROVIDE_AND_REGISTER, ins, provideAndRegister(set, [submitted], signed), context, depositor)
  const attachments = [
    { contentId: submitted.contentId, contentType: entry.mimeType, content },
    { contentId: signed.contentId, contentType: 'text/xml', content: Buffer.from(xades) },
  ]
  return {
    ...buildMtom(envelope, attachments, { action: PROVIDE_AND_REGISTER, uuid: newId() }),
    soapAction: PROVIDE_AND_REGISTER,
    submissionSetUniqueId: set.uniqueId,
    uniqueId: entry.uniqueId,
  }
}
