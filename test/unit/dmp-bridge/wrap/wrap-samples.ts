import type { Sender } from '../../../../dmp-bridge/decide.ts'
import type { Description } from '../../../../dmp-bridge/wrap/description.ts'
import { buildMail, type MailPart, sampleAuthor, samplePatient, TEST_INS_OID } from '../../../world/letter.ts'
import { NOW, sender } from '../samples.ts'

/** The box of a person who declared: what the annuaire says of him comes with it. */
export const doctor: Sender = {
  ...sender,
  person: {
    family: sampleAuthor.lastName,
    given: sampleAuthor.firstName,
    specialty: { ...sampleAuthor.specialty, system: '1.2.250.1.213.1.1.4.5' },
    structure: { id: sampleAuthor.structure.id, name: sampleAuthor.structure.name },
  },
}

export const description: Description = {
  patient: {
    ins: samplePatient.ins ?? '',
    oid: TEST_INS_OID,
    birthName: samplePatient.birthName,
    firstName: samplePatient.firstName,
    firstNames: samplePatient.firstNames,
    birthDate: samplePatient.birthDate,
    sex: samplePatient.sex,
    birthPlaceCog: samplePatient.birthPlace,
  },
  type: '11488-4',
  practice: 'AMBULATOIRE',
  facility: 'SA07',
  performedAt: '2026-01-04',
}

export function mailOf(parts: readonly MailPart[], more: { subject?: string; boundary?: string } = {}): Buffer {
  const { subject = 'Lettre', ...rest } = more
  const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject, date: NOW, messageId: 'm@a.mssante.test' }
  return buildMail({ ...head, ...rest, parts: [{ type: 'text/plain; charset=utf-8', content: 'Bonjour' }, ...parts] })
}

export const pdfPart = (content: Buffer, filename = 'lettre.pdf'): MailPart => ({ type: 'application/pdf', content, filename })

/** The start of a JPEG of that size, filled up to a length. */
export function jpegOf(width: number, height: number, bytes = 40_000): Buffer {
  const frame = Buffer.from([
    0xff,
    0xd8,
    0xff,
    0xe0,
    0,
    4,
    0,
    0,
    0xff,
    0xc0,
    0,
    17,
    8,
    height >> 8,
    height & 255,
    width >> 8,
    width & 255,
    3,
  ])
  return Buffer.concat([frame, Buffer.alloc(bytes - frame.length - 2), Buffer.from([0xff, 0xd9])])
}

export function tiffOf(width: number, height: number, bytes = 40_000): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.write('II*\0', 0, 'latin1')
  buffer.writeUInt32LE(8, 4)
  buffer.writeUInt16LE(2, 8)
  for (const [index, [tag, value]] of (
    [
      [256, width],
      [257, height],
    ] as const
  ).entries()) {
    const at = 10 + index * 12
    buffer.writeUInt16LE(tag, at)
    buffer.writeUInt16LE(3, at + 2)
    buffer.writeUInt32LE(1, at + 4)
    buffer.writeUInt16LE(value, at + 8)
  }
  return buffer
}

export const REPORT = `Compte rendu de consultation\r\nNée le 09/03/1984\r\n\r\nCher confrère,\r\n${'Un texte inventé, long comme une lettre. '.repeat(8)}\r\nConclusion : rien.\r\n`

export function hprimOf(change: { sender?: string; born?: string; firstName?: string; status?: string } = {}): string {
  return [
    '12345',
    'TESTOU',
    change.firstName ?? 'HELOISE',
    '1 rue des Exemples',
    '',
    '75014 PARIS',
    change.born ?? '09/03/1984',
    '2840375114256 00',
    'D-1',
    '04/01/2026',
    change.sender ?? '0000000001 Cabinet du docteur Fictif',
    '0000000002 Docteur Autre',
    '',
    'Résultats du jour',
    '****LAB****',
    `RES|Glycémie|GLY|N|5,1|mmol/l|4,1|5,9|N|${change.status ?? 'F'}|0,92|g/l|0,74|1,06|`,
    'TEX|Prélèvement à jeun',
    '****FIN****',
    '****FINFICHIER****',
    '',
  ].join('\r\n')
}
