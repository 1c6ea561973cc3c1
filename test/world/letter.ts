import { randomUUID } from 'node:crypto'
import { buildCda, type CdaOptions, REFERRAL } from './cda-builder.ts'
import { buildMail } from './letter-mail.ts'
import { type FictionalAuthor, type FictionalPatient, oidOf, sampleAuthor, samplePatient } from './letter-people.ts'
import { buildPdf } from './pdf-builder.ts'
import { buildXdm } from './xdm-builder.ts'

export { buildCda, type CdaOptions, REFERRAL } from './cda-builder.ts'
export { buildMail, type MailOptions, type MailPart } from './letter-mail.ts'
export * from './letter-people.ts'
export { buildPdf } from './pdf-builder.ts'
export { buildXdm, buildZip } from './xdm-builder.ts'
export { buildMetadata, type MetadataOptions, type XdmDocument } from './xdm-metadata.ts'

/** A referral as a practice's software writes it. `newId` gives UUIDs; every id of the letter comes from it, in a fixed order. */
export interface ReferralOptions {
  /** `Dr Éloi FICTIF <dr.fictif@a.mssante.test>` or a bare address (ECO.2.2.7). */
  from: string
  to: string | readonly string[]
  author: FictionalAuthor
  patient: FictionalPatient
  now: Date
  newId: () => string
  /** Asks for an MDN (RFC 8098); true when absent. */
  askReceipt?: boolean
  /** Marks of METADATA.XML: MASQUE_PS, INVISIBLE_PATIENT … */
  marks?: readonly string[]
  /** Overrides of the CDA (another type, a second patient, an id with an extension …). */
  cda?: Partial<CdaOptions>
  /** Name of the zip, `IHE_XDM.zip` when absent (its case varies in the field). */
  zipName?: string
  /** Other headers; an entry here replaces one of ours. */
  headers?: Readonly<Record<string, string>>
}

export interface Letter {
  /** The whole message, CRLF. */
  eml: Buffer
  /** Without angle brackets. */
  messageId: string
  /** ClinicalDocument/id = XDS uniqueId. */
  uniqueId: string
  cda: Buffer
  pdf: Buffer
  xdm: Buffer
}

/** @returns the message and its pieces: CDA of level 1 with a PDF inside, IHE_XDM.zip, PDF copy, .eml (ECO.2.1.1, 2.1.3, 2.1.5, 2.1.6). */
export async function buildLetter(options: ReferralOptions): Promise<Letter> {
  const { author, patient, now } = options
  const uniqueId = options.cda?.uniqueId ?? oidOf(options.newId())
  const submissionSetUniqueId = oidOf(options.newId())
  const messageId = `${options.newId()}@${domainOf(options.from)}`
  const type = options.cda?.type ?? REFERRAL
  const pdf = buildPdf([type.label, '', `Patient : ${patient.birthName} ${patient.firstName}`, '', 'Cher confrère,', SENTENCE])
  const cda = buildCda({ patient, author, now, body: { mediaType: 'application/pdf', content: pdf }, ...options.cda, uniqueId })
  const document = { uri: 'DOC0001.XML', content: cda, uniqueId, type, marks: options.marks ?? [] }
  const xdm = await buildXdm({ patient, author, now, submissionSetUniqueId, documents: [document] })
  return { eml: mail(options, type, messageId, xdm, pdf), messageId, uniqueId, cda, pdf, xdm }
}

/** @returns the sample referral of today, from one account to another */
export function sampleLetter({ sender, recipient }: Record<'sender' | 'recipient', { address: string }>): Promise<Letter> {
  const now = new Date()
  return buildLetter({ from: sender.address, to: recipient.address, author: sampleAuthor, patient: samplePatient, now, newId: randomUUID })
}

const SENTENCE = "Je vous remercie de recevoir cette personne inventée, pour un avis que personne n'attend."

function mail(options: ReferralOptions, type: { code: string; label: string }, messageId: string, xdm: Buffer, pdf: Buffer): Buffer {
  const { patient, now } = options
  const born = patient.birthDate.split('-').reverse().join('/')
  return buildMail({
    from: options.from,
    to: options.to,
    // ECO.2.1.3
    subject: `XDM/1.0/DDM+${type.label} ${patient.birthName} ${patient.firstName} ${born}`,
    date: now,
    messageId,
    headers: {
      ...(options.askReceipt === false ? {} : { 'Disposition-Notification-To': `<${boxOf(options.from)}>` }),
      // spec mssante §2.3; the product number is fictional
      'X-MSS-CODECDA': type.code,
      'X-MSS-INS': patient.ins ? 'O' : 'N',
      'X-MSS-NIL': 'PLI-TEST-0001',
      ...options.headers,
    },
    parts: [
      { type: 'text/plain; charset=utf-8', content: `Bonjour,\r\n\r\nVeuillez trouver ci-joint un document : ${type.label}.\r\n` },
      { type: 'application/zip', content: xdm, filename: options.zipName ?? 'IHE_XDM.zip' },
      // ECO.2.1.6: <date acte>_<type>_<NOM>_<prenom>.pdf
      { type: 'application/pdf', content: pdf, filename: pdfName(now, type.label, patient) },
    ],
  })
}

function pdfName(now: Date, label: string, patient: FictionalPatient): string {
  const bare = (text: string) =>
    text
      .normalize('NFD')
      .replace(/[^\x20-\x7e]/g, '')
      .replace(/[^A-Za-z0-9-]+/g, '-')
  return `${now.toISOString().slice(0, 10)}_${bare(label)}_${bare(patient.birthName)}_${bare(patient.firstName)}.pdf`
}

function boxOf(from: string): string {
  return /<([^<>]+)>/.exec(from)?.[1] ?? from
}

function domainOf(from: string): string {
  return boxOf(from).split('@')[1] ?? 'mssante.test'
}
