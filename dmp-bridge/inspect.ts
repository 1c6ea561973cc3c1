import { tablesIn } from './ans/ans-tables.ts'
import { DEFAULT_LIMITS, type Limits } from './caps.ts'
import { decide, type Policy, type Sender, type Verdict } from './decide.ts'
import type { CdaFacts, FoundDocument, Ignored, Recognition } from './facts.ts'
import { type EntryMetadata, entryMetadata } from './metadata.ts'
import { REASONS, type Reason } from './reasons.ts'
import { recogniseFile } from './recognise.ts'
import type { Tables } from './tables.ts'
import type { Description } from './wrap/description.ts'
import { assumedSender, type FileReport, fileFacts, wrapForInspection } from './wrap/inspect.ts'
import { mayWrap } from './wrap/judge.ts'
import type { PdfFacts } from './wrap/pdf-a.ts'

/** What the bridge makes of a file of the operator. It holds the identity of the patient: for his screen, never for a log. */
export interface Inspection {
  file: string
  /** the file as a whole could not be read, or not wholly */
  faults: ReasonReport[]
  documents: DocumentReport[]
  ignored: (Ignored & ReasonReport)[]
  /** dates of the code tables */
  tables: Readonly<Record<string, string>>
}

export interface ReasonReport {
  reason: Reason
  fr: string
  en: string
}

export interface DocumentReport {
  path: string
  sha256: string
  bytes: number
  decision: Verdict['action']
  reasons: ReasonReport[]
  /** who would send it; `assumed` when none was given: a declared sender who is the document's author, in a structure that we may speak for */
  sender: Sender & { assumed: boolean }
  document?: CdaFacts
  /** what the installed schematrons say: ids of their checks */
  checks?: FoundDocument['checks']
  /** confidentiality marks of METADATA.XML */
  marks: string[]
  /** what would be sent; absent when the document is held for something that this needs */
  metadata?: EntryMetadata
  /** what it is when it is no CDA: nobody files it without being told whose it is */
  file?: FileReport
  /** of the PDF in a CDA of level 1; told only, its author has chosen it */
  pdf?: PdfFacts
}

export interface InspectOptions {
  sender?: Sender
  policy: Policy
  limits?: Limits
  tables?: Tables
  now?: Date
  /** what somebody says of the one file without identity that is there: the document made of it is judged in its place */
  description?: Description
  /** told the document that was made */
  onWrapped?: (cda: Uint8Array) => void
}

/**
 * Recognises a file and decides, as the bridge would, without sending.
 * @param name of the file (.eml, .zip, .xml, .hl7, .er7, .hpr, .txt, .pdf, .jpg …)
 * @throws Error when a description is given and there is not exactly one file that it can be about
 */
export async function inspectFile(name: string, bytes: Uint8Array, options: InspectOptions): Promise<Inspection> {
  const tables = options.tables ?? tablesIn(options.policy.ansFiles)
  const candidates = options.sender === undefined || mayWrap(options.sender)
  const { ansFiles } = options.policy
  const asked = { candidates, ...(ansFiles !== undefined && { ansFiles }) }
  const recognition = await recogniseFile(name, bytes, options.limits ?? DEFAULT_LIMITS, asked)
  const described = recognition.documents.filter(each => each.candidate)
  if (options.description && described.length !== 1) throw new Error(`${described.length} files that a description could be about, not one`)
  const documents: DocumentReport[] = []
  for (const each of recognition.documents) documents.push(await inspectAny(each, recognition, { ...options, tables }))
  return {
    file: name,
    faults: recognition.faults.map(report),
    documents,
    ignored: recognition.ignored.map(each => ({ ...each, ...report(each.reason) })),
    tables: tables.editions,
  }
}

type Context = InspectOptions & { tables: Tables }

async function inspectAny(document: FoundDocument, recognition: Recognition, options: Context): Promise<DocumentReport> {
  const facts = await fileFacts(document)
  const { description, tables, policy, now = new Date() } = options
  const sender = options.sender ?? (document.candidate && assumedSender(document, policy))
  if (!document.candidate || !description || !sender) return { ...inspectOne(document, recognition, options), ...facts }
  const ansFiles = policy.ansFiles === undefined ? {} : { ansFiles: policy.ansFiles }
  const read = (name: string, bytes: Uint8Array) => recogniseFile(name, bytes, options.limits ?? DEFAULT_LIMITS, ansFiles)
  const wrapped = await wrapForInspection({ document, recognition, description, sender, policy, tables, now, read })
  const file = inspectOne(document, recognition, options)
  if ('reasons' in wrapped) return { ...file, ...facts, decision: 'hold', reasons: wrapped.reasons.map(report) }
  options.onWrapped?.(wrapped.document.content)
  const made = inspectOne(wrapped.document, wrapped.recognition, { ...options, sender })
  return { ...made, sender: file.sender, ...facts }
}

function inspectOne(document: FoundDocument, recognition: Recognition, options: Context): DocumentReport {
  const sender = options.sender ?? (document.candidate ? assumedSender(document, options.policy) : authorAsSender(document))
  const policy = options.sender ? options.policy : authorAsFiler(document, options.policy)
  const verdict = decide(document, recognition, sender, policy, { tables: options.tables, ...(options.now && { now: options.now }) })
  const metadata = document.cda && metadataOf(document.cda, options.tables)
  return {
    path: document.path,
    sha256: document.sha256,
    bytes: document.content.length,
    decision: verdict.action,
    reasons: verdict.action === 'file' ? [] : verdict.reasons.map(report),
    sender: { ...sender, assumed: options.sender === undefined },
    marks: document.marks,
    ...(document.cda && { document: document.cda }),
    ...(document.checks && { checks: document.checks }),
    ...(metadata && { metadata }),
  }
}

/** @returns a sender for whom the rules of author and declaration hold, so that all the others are seen */
export function authorAsSender(document: FoundDocument): Sender {
  const author = document.cda?.authors.find(each => each.id)
  return {
    address: '',
    ...(author?.idNatPs !== undefined && { idNatPs: author.idNatPs }),
    structures: author?.structures ?? [],
    declared: true,
  }
}

/** @returns the policy of an operator who may speak for the author's structure */
export function authorAsFiler(document: FoundDocument, policy: Policy): Policy {
  const structures = document.cda?.authors.flatMap(each => each.structures) ?? []
  return { ...policy, sites: [...(policy.sites ?? []), ...structures] }
}

function metadataOf(cda: CdaFacts, tables: Tables): EntryMetadata | undefined {
  try {
    return entryMetadata(cda, tables)
  } catch {
    return undefined // a code or the identity is missing: the reasons say which
  }
}

function report(reason: Reason): ReasonReport {
  return { reason, fr: REASONS[reason].fr, en: REASONS[reason].en }
}
