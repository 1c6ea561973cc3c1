import { type RequestContext, type SoapRequest, soapEnvelope } from './envelope.ts'
import type { Ins } from './facts.ts'
import { element } from './xml-writer.ts'

const GET_DOCUMENTS = 'urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4'

/**
 * TD3.1b, is this document in the DMP, and under which entryUUID? The stored query GetDocuments by uniqueId (ITI TF-2 §3.18.4.1.2.3.7.5).
 * Asked for a document that is to be replaced, and after an ambiguous answer; never a step of each filing (EX_3.1-2030).
 * @param context.ins the patient of the document: the VIHF names him
 */
export function buildLookup(uniqueId: string, context: RequestContext & { ins: Ins }): SoapRequest {
  const action = 'urn:ihe:iti:2007:RegistryStoredQuery'
  const body = element(
    'query:AdhocQueryRequest',
    { 'xmlns:query': 'urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0', 'xmlns:rim': 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0' },
    element('query:ResponseOption', { returnType: 'LeafClass', returnComposedObjects: 'true' }),
    element(
      'rim:AdhocQuery',
      { id: GET_DOCUMENTS },
      element(
        'rim:Slot',
        { name: '$XDSDocumentEntryUniqueId' },
        element('rim:ValueList', {}, element('rim:Value', {}, `('${uniqueId.replaceAll("'", "''")}')`)),
      ),
    ),
  )
  return { action, envelope: soapEnvelope(action, context.ins, body, context) }
}
