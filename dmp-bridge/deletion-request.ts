import { tablesIn } from './ans/ans-tables.ts'
import { type RequestContext, type SoapRequest, soapEnvelope } from './envelope.ts'
import type { Ins } from './facts.ts'
import { formatDtm } from './hl7-time.ts'
import { formatCx } from './ins.ts'
import { nationalXcn, sourceId, uuidOid, xon } from './xds-types.ts'
import { association, LCM, RIM, SET_ID, submissionSet } from './xdsb.ts'
import { element } from './xml-writer.ts'

export const UPDATE_DOCUMENT_SET = 'urn:ihe:iti:2010:UpdateDocumentSet'

/**
 * TD3.3c, our own document out of the DMP: ITI-57 with one association that changes the status of its entry from Approved to Deleted (IHE
 * ITI Metadata Update §3.57.4.1.3.3.2; the new status is the CI-SIS's, spec dmp §1.11). The submission that carries the order has no document.
 * @param target.entryUuid as TD3.1b tells it today
 * @param target.structure Struct_IdNat that deposited the document: nobody else may delete it
 */
export function buildDeletion(target: { entryUuid: string; ins: Ins; structure: string }, context: RequestContext): SoapRequest {
  const { ins, structure, entryUuid } = target
  const { policy, now, newId } = context
  const { idNatPs, name } = policy.responsible
  const set = submissionSet({
    uniqueId: uuidOid(newId()),
    sourceId: sourceId(policy.structure),
    patientId: formatCx(ins),
    submissionTime: formatDtm(now),
    title: 'Suppression',
    author: {
      person: nationalXcn({ idNatPs, family: name, given: '' }),
      institutions: [xon(policy.structureName, structure)],
    },
    content: tablesIn(policy.ansFiles).contentOf({}),
  })
  const change = association('urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus', SET_ID, entryUuid, {
    OriginalStatus: 'urn:oasis:names:tc:ebxml-regrep:StatusType:Approved',
    NewStatus: 'urn:asip:ci-sis:2010:StatusType:Deleted',
  })
  const body = element(
    'lcm:SubmitObjectsRequest',
    { 'xmlns:lcm': LCM },
    element('rim:RegistryObjectList', { 'xmlns:rim': RIM }, set, change),
  )
  return { action: UPDATE_DOCUMENT_SET, envelope: soapEnvelope(UPDATE_DOCUMENT_SET, ins, body, context, { idNatPs, structure }) }
}
