import { type RequestContext, type SoapRequest, soapEnvelope } from './envelope.ts'
import type { Ins } from './facts.ts'
import { formatDtm } from './hl7-time.ts'
import { uuidOid } from './xds-types.ts'
import { element, type XmlOut } from './xml-writer.ts'

/** The device of the DMP (spec dmp §1.1). */
const DMP_DEVICE = '1.2.250.1.213.4.1.1.1'
const HL7_INTERACTIONS = '2.16.840.1.113883.1.6'

/**
 * TD0.2, does this patient have a DMP, and is it active? A demographics query of HL7 v3 whose reason is TEST_EXST.
 * Not to be asked before each filing when the answer is known.
 * @returns also the root of the query's id, which the answer may echo
 */
export function buildExistenceTest(ins: Ins, context: RequestContext): SoapRequest & { queryId: string } {
  const action = 'urn:hl7-org:v3:PRPA_IN201307UV02'
  const queryId = uuidOid(context.newId())
  return { action, queryId, envelope: soapEnvelope(action, ins, query(ins, queryId, context), context) }
}

function query(ins: Ins, queryId: string, context: RequestContext): XmlOut {
  const { now, newId, policy } = context
  return element(
    'PRPA_IN201307UV02',
    { xmlns: 'urn:hl7-org:v3', ITSVersion: 'XML_1.0' },
    element('id', { root: uuidOid(newId()) }),
    element('creationTime', { value: formatDtm(now) }),
    element('interactionId', { root: HL7_INTERACTIONS, extension: 'PRPA_IN201307UV02' }),
    element('processingCode', { code: 'P' }),
    element('processingModeCode', { code: 'T' }),
    element('acceptAckCode', { code: 'AL' }),
    device('receiver', 'RCV', { root: DMP_DEVICE }),
    device('sender', 'SND', { root: '1.2.250.1.71.4.2.2', extension: policy.structure }),
    element(
      'controlActProcess',
      { classCode: 'CACT', moodCode: 'EVN' },
      element('code', { code: 'PRPA_TE201307UV02', codeSystem: HL7_INTERACTIONS }),
      element('reasonCode', { code: 'TEST_EXST', codeSystem: '1.2.250.1.213.1.1.4.11' }),
      element(
        'queryByParameter',
        {},
        element('queryId', { root: queryId }),
        element('statusCode', { code: 'new' }),
        element('responsePriorityCode', { code: 'I' }),
        element(
          'parameterList',
          {},
          element(
            'patientIdentifier',
            {},
            element('value', { root: ins.oid, extension: ins.matricule }),
            element('semanticsText', {}, 'Patient.id'),
          ),
        ),
      ),
    ),
  )
}

function device(name: string, typeCode: string, id: { root: string; extension?: string }): XmlOut {
  return element(
    name,
    { typeCode },
    element('device', { classCode: 'DEV', determinerCode: 'INSTANCE' }, element('id', { root: id.root, extension: id.extension })),
  )
}
