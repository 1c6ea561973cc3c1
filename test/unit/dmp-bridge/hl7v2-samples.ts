import { samplePatient } from '../../world/letter.ts'
import { cdaOf } from './samples.ts'

/** A message of HL7 v2 as a hospital's software writes it for its gateway (MDM^T02 with MetaDMPMSS), with departures. */
export interface Hl7Options {
  /** MSH-9 */
  event?: string
  /** OBX-5.5 of each document, base64 already; one CDA when absent */
  documents?: readonly string[]
  /** OBX-11 of the documents */
  status?: string
  flags?: Readonly<Record<string, string>>
  /** PID-3 */
  identifiers?: string
  /** fields 5 and after, up to PID-32 */
  pid?: { born?: string; sex?: string; validated?: string }
  /** component, repetition, escape, sub-component */
  separators?: readonly [string, string, string, string]
  field?: string
  end?: string
  more?: readonly string[]
}

export const FLAGS = {
  MASQUE_PS: 'N',
  INVISIBLE_PATIENT: 'N',
  INVISIBLE_REP_LEGAUX: 'N',
  CONNEXION_SECRETE: 'N',
  MODIF_CONF_CODE: 'N',
  DESTDMP: 'Y',
  DESTMSSANTEPS: 'Y',
  DESTMSSANTEPAT: 'N',
  ACK_RECEPTION: 'N',
}

export function base64(content: string | Uint8Array): string {
  return Buffer.from(content as string).toString('base64')
}

/** Written with the usual separators, then with those of the test. */
export function hl7Of(options: Hl7Options = {}): Buffer {
  const { event = 'MDM^T02^MDM_T02', documents = [base64(cdaOf())], status = 'F', flags = FLAGS, pid = {} } = options
  const ins = options.identifiers ?? `${samplePatient.ins}^^^ASIP-SANTE-INS-NIR&${samplePatient.insOid}&ISO^INS~405660^^^AUT&1204&M^PI`
  const { born = samplePatient.birthDate.replaceAll('-', ''), sex = samplePatient.sex, validated = 'VALI' } = pid
  const patient = `PID|||${ins}||${samplePatient.birthName}^X^^^^^L||${born}|${sex}${'|'.repeat(24)}${validated}`
  const lines = [
    `RIS|Organisation|PFI|Organisation|202601050930||${event}|015|P|2.6|||||FRA|UNICODE UTF-8`,
    patient,
    ...documents.map((each, index) => `OBX|${index + 1}|ED|96349-6^Lettre^LN||^text^XML^Base64^${each}||||||${status}|`),
    ...Object.entries(flags).map(([code, value]) => `OBX|9|CWE|${code}^libellé^MetaDMPMSS||${value}^^HL70136||||||F|`),
    'OBX|30|ED|CORPSMAIL_PS^Corps du mail^MetaDMPMSS||^text^^Base64^Qm9uam91cg==||||||F|',
    ...(options.more ?? []),
  ]
  const { field = '|', separators = ['^', '~', '\\', '&'] } = options
  const other = new Map(['^', '~', '\\', '&'].map((usual, index) => [usual, separators[index] ?? '']))
  const body = lines.map(line => [...line].map(each => (each === '|' ? field : (other.get(each) ?? each))).join(''))
  return Buffer.from([`MSH${field}${separators.join('')}${field}${body[0]}`, ...body.slice(1)].join(options.end ?? '\r'))
}
