import type { Sender } from '../../../../dmp-bridge/decide.ts'
import {
  buildCda,
  buildMail,
  buildMetadata,
  buildPdf,
  buildZip,
  type CdaOptions,
  type FictionalPatient,
  type MailPart,
  sampleAuthor,
  samplePatient,
  type XdmDocument,
} from '../../../world/letter.ts'

export interface Entry {
  name: string
  content: Buffer | string
}

/** A document that a case has put into its message. What the DMP holds afterwards is compared with these octets, never with what we read. */
export interface Made {
  uniqueId: string
  bytes: Buffer
  /** CX */
  patientId: string
}

/** What a bend may need to know of the letter that it bends. */
export interface Scene {
  now: Date
  /** OIDs of this case alone: the n-th document's, the set's… */
  oid(n: number): string
  cda: Buffer
  uniqueId: string
  patient: FictionalPatient
  /** a further CDA of the case, kept among `made` under its name */
  make(name: string, options: Partial<CdaOptions>, bend?: (xml: string) => string): Buffer
  made: Record<string, Made>
}

/** One change of a good letter, at the level where it is made; what is built later (hash, archive, mail) is right for what was bent before. */
export interface Bend {
  options?: Partial<CdaOptions> | ((scene: Scene) => Partial<CdaOptions>)
  cda?: (xml: string, scene: Scene) => string
  bytes?: (cda: Buffer, scene: Scene) => Buffer
  marks?: readonly string[]
  /** further documents of the same METADATA.XML */
  documents?: (scene: Scene) => XdmDocument[]
  metadata?: (xml: string, scene: Scene) => string
  files?: (entries: Entry[], scene: Scene) => Entry[]
  zip?: (zip: Buffer, scene: Scene) => Buffer
  subject?: (subject: string) => string
  parts?: (parts: MailPart[], scene: Scene) => MailPart[] | Promise<MailPart[]>
  eml?: (eml: Buffer, scene: Scene) => Buffer | Promise<Buffer>
  sender?: Partial<Sender>
}

export interface Built {
  eml: Buffer
  sender: Partial<Sender>
  made: Record<string, Made>
}

export const FOLDER = 'IHE_XDM/SUBSET01/'
export const DOC = `${FOLDER}DOC0001.XML`
export const METADATA = `${FOLDER}METADATA.XML`

/** @returns a good letter (XDM, PDF copy) of case number `id`, with the bends applied in order at each level */
export async function build(bends: readonly Bend[], id: number, now: Date): Promise<Built> {
  const made: Record<string, Made> = {}
  const oid = (n: number) => `2.25.${9_000_000 + id}${String(n).padStart(2, '0')}`
  const body = { mediaType: 'application/pdf' as const, content: buildPdf([`Lettre ${id}`]) }
  const make: Scene['make'] = (name, options, bend = xml => xml) => {
    const patient = options.patient ?? samplePatient
    const uniqueId = options.uniqueId ?? oid(90)
    const bytes = Buffer.from(bend(buildCda({ patient, author: sampleAuthor, now, body, ...options, uniqueId }).toString()))
    made[name] = { uniqueId, bytes, patientId: `${patient.ins}^^^&${patient.insOid}&ISO^NH` }
    return bytes
  }
  const scene: Scene = { now, oid, cda: Buffer.alloc(0), uniqueId: oid(1), patient: samplePatient, make, made }
  const options: Partial<CdaOptions> = { uniqueId: oid(1) }
  for (const { options: more } of bends) Object.assign(options, typeof more === 'function' ? more(scene) : more)
  const patient = options.patient ?? samplePatient
  Object.assign(scene, { uniqueId: options.uniqueId, patient })
  const xml = fold(bends, each => each.cda, make('main', options).toString(), scene)
  const cda = fold(bends, each => each.bytes, Buffer.from(xml), scene)
  scene.cda = cda
  if (made.main) made.main.bytes = cda
  const marks = bends.flatMap(each => each.marks ?? [])
  const type = options.type === undefined ? {} : { type: options.type }
  const main: XdmDocument = { uri: 'DOC0001.XML', content: cda, uniqueId: scene.uniqueId, marks, ...type }
  const documents = [main, ...bends.flatMap(each => each.documents?.(scene) ?? [])]
  const described = buildMetadata({ patient, author: options.author ?? sampleAuthor, now, submissionSetUniqueId: oid(99), documents })
  const entries = [
    { name: 'INDEX.HTM', content: '<html><title>IHE XDM</title></html>' },
    { name: METADATA, content: fold(bends, each => each.metadata, described, scene) },
    ...documents.map(each => ({ name: `${FOLDER}${each.uri}`, content: each.content })),
  ]
  const zip = fold(
    bends,
    each => each.zip,
    await buildZip(
      fold(bends, each => each.files, entries, scene),
      now,
    ),
    scene,
  )
  return { ...(await mailOf(bends, zip, body.content, scene)), made }
}

async function mailOf(bends: readonly Bend[], zip: Buffer, pdf: Buffer, scene: Scene): Promise<Omit<Built, 'made'>> {
  const { patient, now } = scene
  const born = patient.birthDate.split('-').reverse().join('/')
  let subject = `XDM/1.0/DDM+Lettre ${patient.birthName} ${patient.firstName} ${born}`
  for (const bend of bends) subject = bend.subject?.(subject) ?? subject
  let parts: MailPart[] = [
    { type: 'text/plain; charset=utf-8', content: 'Bonjour, veuillez trouver ci-joint un document.\r\n' },
    { type: 'application/zip', content: zip, filename: 'IHE_XDM.zip' },
    { type: 'application/pdf', content: pdf, filename: 'lettre.pdf' },
  ]
  for (const bend of bends) parts = (await bend.parts?.(parts, scene)) ?? parts
  const head = { from: 'Dr Éloi FICTIF <dr.fictif@a.mssante.test>', to: 'dr.autre@b.mssante.test', subject, date: now }
  let eml = buildMail({ ...head, messageId: `${scene.uniqueId}@a.mssante.test`, parts })
  for (const bend of bends) eml = (await bend.eml?.(eml, scene)) ?? eml
  return { eml, sender: Object.assign({}, ...bends.map(each => each.sender ?? {})) }
}

/** The levels whose change is a function of what was there. */
type Step<T> = (bend: Bend) => ((value: T, scene: Scene) => T) | undefined

function fold<T>(bends: readonly Bend[], step: Step<T>, start: T, scene: Scene): T {
  return bends.reduce((value, bend) => step(bend)?.(value, scene) ?? value, start)
}

/** Thrown by a bend that finds nothing to change: a case that tests nothing must not pass. */
export class NothingToBend extends Error {}

/** @returns a replacement of every occurrence, which must be there */
export function swap(from: string | RegExp, to: string): (text: string) => string {
  return text => {
    const isThere = typeof from === 'string' ? text.includes(from) : text.search(from) >= 0
    if (!isThere) throw new NothingToBend(String(from))
    return typeof from === 'string' ? text.replaceAll(from, () => to) : text.replace(from, to)
  }
}

/** @returns the letter without its archive, with these parts in its place; the text stays */
export function instead(...parts: MailPart[]): (all: MailPart[]) => MailPart[] {
  return all => [...all.slice(0, 1), ...parts]
}

/** A CDA as an attachment of its own. */
export function attached(content: Buffer | string, filename = 'doc.xml'): MailPart {
  return { type: 'text/xml', content, filename }
}
