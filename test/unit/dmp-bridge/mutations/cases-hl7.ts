import { base64, FLAGS, type Hl7Options, hl7Of } from '../hl7v2-samples.ts'
import { instead, type Scene } from './bend.ts'
import type { Case, Expected } from './case.ts'
import { otherPatient, samplePatient } from './patients.ts'

const EVENTS = ['MDM^T02^MDM_T02', 'MDM^T10^MDM_T02', 'ORU^R01^ORU_R01', 'MDM^T04^MDM_T02', 'MDM^T11^MDM_T01', 'ADT^A01^ADT_A01']
const STATUSES = ['F', 'C', 'P', 'D', '']
const ORDERS = ['Y', 'N', '', 'X']

const carried = (options: Hl7Options) => ({
  parts: (parts: Parameters<ReturnType<typeof instead>>[0], { cda }: Scene) =>
    instead({ type: 'application/octet-stream', filename: 'm.hl7', content: hl7Of({ documents: [base64(cda)], ...options }) })(parts),
})

/** What an order says as a whole: it deletes, it is not for the DMP, it is plain, or nobody can tell. The document replaces no other. */
function outcomeOf(event: string, status: string, order: string): Expected {
  const deletes = event.includes('^T04') || event.includes('^T11') || status === 'D'
  if (order === 'N') return 'ignored not-for-dmp'
  if (deletes) return 'held hl7-deletion'
  const isPlain = ['MDM^T02', 'MDM^T10', 'ORU^R01'].some(each => event.startsWith(each)) && ['F', 'C'].includes(status) && order === 'Y'
  if (!isPlain) return 'held hl7-unclear'
  return event.includes('^T10') || status === 'C' ? 'held replacement' : 'filed'
}

const own = `${samplePatient.ins}^^^X&${samplePatient.insOid}&ISO^INS`
const patient = (name: string, options: Hl7Options): Case => ({ name, bend: carried(options), expect: ['held hl7-patient'] })

/** A CDA in HL7 v2 (spec dmp §5): every combination of event, status and order, and whose it is. */
export const hl7: readonly Case[] = [
  ...EVENTS.flatMap(event =>
    STATUSES.flatMap(status =>
      ORDERS.map(
        (order): Case => ({
          name: `${event.slice(0, 7)}, OBX-11 ${status || 'empty'}, DESTDMP=${order}`,
          bend: carried({ event, status, flags: { ...FLAGS, DESTDMP: order } }),
          expect: [outcomeOf(event, status, order)],
        }),
      ),
    ),
  ),
  { name: 'no order at all', bend: carried({ flags: (({ DESTDMP: _, ...rest }) => rest)(FLAGS) }), expect: ['held hl7-unclear'] },
  {
    name: 'an order and its contrary',
    bend: carried({ more: ['OBX|40|CWE|DESTDMP^x^MetaDMPMSS||N||||||F|'] }),
    expect: ['held hl7-unclear'],
  },
  { name: 'a cancelled order', bend: carried({ more: ['ORC|CA|1'] }), expect: ['held hl7-deletion'] },
  patient('PID of another patient', { identifiers: `${otherPatient.ins}^^^X&${samplePatient.insOid}&ISO^INS` }),
  patient('PID under another authority', { identifiers: `${samplePatient.ins}^^^X&1.2.250.1.213.1.4.9&ISO^INS` }),
  patient('PID of two patients', { identifiers: `${own}~${otherPatient.ins}^^^X&${samplePatient.insOid}&ISO^INS` }),
  patient('PID with a local number alone', { identifiers: '405660^^^AUT&1204&M^PI' }),
  patient('PID that was not validated', { pid: { validated: 'PROV' } }),
  patient('PID without status', { pid: { validated: '' } }),
  patient('PID with another birth date', { pid: { born: '19840310' } }),
  patient('PID with another sex', { pid: { sex: 'M' } }),
  patient('two PID', { more: ['PID|||x'] }),
  { name: 'a placeholder in place of the document', bend: carried({ documents: [base64('à venir')] }), expect: ['held hl7-no-document'] },
  { name: 'a broken base64', bend: carried({ documents: ['PENsaW5pY2Fs*'] }), expect: ['held hl7-no-document'] },
  {
    name: 'documents of two patients',
    bend: {
      parts: (parts, scene) => {
        const second = scene.make('second', { patient: otherPatient, uniqueId: scene.oid(2) })
        return carried({ documents: [base64(scene.cda), base64(second)] }).parts(parts, scene)
      },
    },
    expect: ['held two-patients', 'held hl7-patient two-patients'],
  },
  { name: 'a line of another message after it', bend: carried({ more: ['MSH|^~\\&|x'] }), expect: ['filed'] },
]
