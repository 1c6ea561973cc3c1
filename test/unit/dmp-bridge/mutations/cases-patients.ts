import { buildMail, type MailPart } from '../../../world/letter.ts'
import { dossier, hprimOf } from '../hprim-samples.ts'
import { attached, DOC, type Entry, METADATA, type Scene, swap } from './bend.ts'
import type { Case } from './case.ts'
import { otherPatient, samplePatient } from './patients.ts'

const INS = samplePatient.ins ?? ''
const OTHER = otherPatient.ins ?? ''
const TWO = ['held two-patients', 'held two-patients']

const second = (scene: Scene, options = {}) => scene.make('second', { patient: otherPatient, uniqueId: scene.oid(2), ...options })
const beside =
  (part: (scene: Scene) => MailPart) =>
  (parts: MailPart[], scene: Scene): MailPart[] => [...parts, part(scene)]
const nested = (scene: Scene, subject = 'Lettre'): MailPart => {
  const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject, date: scene.now, messageId: 'in@a.mssante.test' }
  return { type: 'message/rfc822', encoding: '8bit', content: buildMail({ ...head, parts: [attached(second(scene))] }) }
}
const hprim = (...born: string[]): MailPart => ({
  type: 'text/plain',
  filename: 'r.hpr',
  content: Buffer.from(hprimOf(born.map(each => dossier({ born: each }))), 'latin1'),
})
const cx = (text: string, matricule: string) => text.replaceAll(INS, matricule)
/** The patient of one identification scheme. */
const ofScheme = (scheme: string, matricule: string) => (xml: string) =>
  xml.replace(new RegExp(`<ExternalIdentifier[^>]*${scheme}[^>]*>`), found => cx(found, matricule))
const SET = '6b5aea1a-874d-4603-a4bc-96a0a7b38446'
const ENTRY = '58a6f841-87b3-4a3e-92fd-a8ffeff98427'

/** One patient a message (ECO.2.1.1): two anywhere hold everything. */
export const patients: readonly Case[] = [
  { name: 'two recordTargets', bend: { options: { secondPatient: otherPatient } }, expect: ['held several-record-targets'] },
  {
    name: 'two patientRoles in one recordTarget',
    bend: { cda: swap('</patientRole>', '</patientRole><patientRole><id nullFlavor="UNK"/></patientRole>') },
    expect: ['held several-record-targets'],
  },
  {
    name: 'two INS for one patient',
    bend: { cda: swap('<patientRole>', `<patientRole><id root="${samplePatient.insOid}" extension="${OTHER}"/>`) },
    expect: ['held several-ins'],
  },
  {
    name: 'one number under two authorities',
    bend: { cda: swap('<patientRole>', `<patientRole><id root="1.2.250.1.213.1.4.8" extension="${INS}"/>`) },
    expect: ['held several-ins'],
  },
  {
    name: 'two patients in one archive',
    bend: {
      documents: scene => [{ uri: 'DOC0002.XML', content: second(scene), uniqueId: scene.oid(2) }],
    },
    expect: TWO,
  },
  { name: 'two patients in two attachments', bend: { parts: beside(scene => attached(second(scene))) }, expect: TWO },
  { name: 'two patients, the second in a nested message', bend: { parts: beside(scene => nested(scene)) }, expect: TWO },
  {
    name: 'two patients born on one day, without INS in the second',
    bend: {
      parts: beside(scene => {
        const { ins: _, ...twin } = { ...samplePatient, firstName: 'AGATHE', firstNames: 'AGATHE' }
        return attached(second(scene, { patient: twin }))
      }),
    },
    expect: ['held two-patients', 'held two-patients no-ins'],
  },
  {
    name: 'one number, two birth dates',
    bend: { parts: beside(scene => attached(second(scene, { patient: { ...samplePatient, birthDate: '1984-03-10' } }))) },
    expect: TWO,
  },
  {
    name: 'the second is held for itself too',
    bend: { parts: beside(scene => attached(second(scene, { confidentiality: 'R' }))) },
    expect: ['held two-patients', 'held two-patients not-normal'],
  },
  { name: 'results in HPRIM of somebody else', bend: { parts: beside(() => hprim('02/06/1955')) }, expect: ['held two-patients'] },
  {
    name: 'results in HPRIM of two, one is the patient',
    bend: { parts: beside(() => hprim('09/03/1984', '02/06/1955')) },
    expect: ['held two-patients'],
  },
  { name: 'results in HPRIM of the patient', bend: { parts: beside(() => hprim('09/03/1984')) }, expect: ['filed'] },
  {
    name: 'results in HPRIM of somebody else, in the archive',
    bend: { files: entries => [...entries, { name: 'IHE_XDM/SUBSET01/R.HPR', content: hprim('02/06/1955').content }] },
    expect: ['held two-patients'],
  },
  { name: 'the subject names somebody else', bend: { subject: swap(/TESTOU HÉLOÏSE/, 'AUTRE LÉO') }, expect: ['held subject-patient'] },
  { name: 'the subject has another birth date', bend: { subject: swap('1984', '1985') }, expect: ['held subject-patient'] },
  { name: 'the subject has another first name', bend: { subject: swap('HÉLOÏSE', 'AGATHE') }, expect: ['held subject-patient'] },
  { name: 'the subject is in another spelling', bend: { subject: swap('HÉLOÏSE', 'Heloise') }, expect: ['filed'] },
  {
    name: 'the subject of a nested message names somebody else',
    bend: { eml: (eml, { now }) => around(eml, now, 'TR'), subject: swap('1984', '1985') },
    expect: ['held subject-patient'],
  },
  {
    name: 'a nested message has the boundary of the one around it',
    bend: { eml: (eml, { now }) => around(eml, now, 'TR', '=_pli_0123456789'), subject: swap('1984', '1985') },
    expect: ['held message-malformed'],
  },
  {
    name: 'the subject around a nested message names somebody else',
    bend: { eml: (eml, { now }) => around(eml, now, 'XDM/1.0/DDM+Lettre AUTRE LÉO 02/06/1955') },
    expect: ['held subject-patient'],
  },
  { name: 'METADATA.XML of somebody else', bend: { metadata: xml => cx(xml, OTHER) }, expect: ['held metadata-patient'] },
  { name: 'METADATA.XML of somebody else, in its set only', bend: { metadata: ofScheme(SET, OTHER) }, expect: ['held metadata-patient'] },
  {
    name: 'METADATA.XML of somebody else, in its entry only',
    bend: { metadata: ofScheme(ENTRY, OTHER) },
    expect: ['held metadata-patient'],
  },
  {
    name: 'METADATA.XML under another authority',
    bend: { metadata: swap('&#38;1.2.250.1.213.1.4.10', '&#38;1.2.250.1.213.1.4.8') },
    expect: ['held metadata-patient'],
  },
  {
    name: 'METADATA.XML with a second patient in its entry',
    bend: {
      metadata: xml =>
        xml.replace(new RegExp(`<ExternalIdentifier[^>]*${ENTRY}[^>]*>[\\s\\S]*?</ExternalIdentifier>`), found => found + cx(found, OTHER)),
    },
    expect: ['held metadata-patient'],
  },
  {
    name: 'METADATA.XML without patient',
    bend: { metadata: swap(new RegExp(`<ExternalIdentifier[^>]*${ENTRY}[^>]*>[\\s\\S]*?</ExternalIdentifier>`), '') },
    expect: ['held metadata-patient'],
  },
  { name: 'a second subset of somebody else, for a PDF', bend: { files: withSubset }, expect: ['held two-patients'] },
  {
    name: 'sourcePatientInfo has another birth date',
    bend: { metadata: swap('PID-7|19840309', 'PID-7|19550602') },
    expect: ['held metadata-patient'],
  },
  { name: 'sourcePatientInfo has another sex', bend: { metadata: swap('PID-8|F', 'PID-8|M') }, expect: ['held metadata-patient'] },
  {
    name: 'sourcePatientInfo has another name',
    bend: { metadata: swap('PID-5|TESTOU^', 'PID-5|AUTRE^') },
    expect: ['held metadata-patient'],
  },
]

/** Its entry names another patient, for a file that is no document. */
function withSubset(entries: Entry[]): Entry[] {
  const first = String(entries.find(each => each.name === METADATA)?.content)
  const content = cx(first, OTHER)
    .replaceAll('>DOC0001.XML<', '>DOC0001.PDF<')
    .replaceAll(DOC, 'x')
    .replace(/<Slot name="(hash|size)">.*?<\/Slot>\n/gs, '')
  return [...entries, { name: 'IHE_XDM/SUBSET02/METADATA.XML', content }, { name: 'IHE_XDM/SUBSET02/DOC0001.PDF', content: '%PDF-1.4\n' }]
}

function around(eml: Buffer, now: Date, subject: string, boundary = 'outer'): Buffer {
  const head = { from: 'a@a.mssante.test', to: 'b@b.mssante.test', subject, date: now, messageId: 'out@a.mssante.test', boundary }
  const text = { type: 'text/plain', content: 'x' }
  return buildMail({ ...head, parts: [text, { type: 'message/rfc822', content: eml, encoding: '8bit' }] })
}
