import { tablesIn } from '../ans/ans-tables.ts'
import type { FoundDocument, Recognition } from '../facts.ts'
import type { Policy, Sender } from '../policy.ts'
import type { Reason } from '../reasons.ts'
import { judgeSubject } from '../subject.ts'
import type { Tables } from '../tables.ts'
import { plainName } from '../traits.ts'
import { buildCdaN1 } from './cda-n1.ts'
import { type Description, isPast } from './description.ts'
import { judgeCandidate, wrappingStructure } from './judge.ts'

export interface WrapRequest {
  /** the candidate, one of `recognition.documents` */
  document: FoundDocument
  recognition: Recognition
  description: Description
  /** of the document to be built (`wrappedId`) */
  uniqueId: string
  sender: Sender
  policy: Policy
  /** when the message was accepted */
  writtenAt: number
  tables?: Tables
  /** reads the document that was built, as any other (in a thread, with every check that a document has to pass) */
  read(name: string, bytes: Uint8Array): Promise<Recognition>
}

/** The document, in the place of its file, in what was recognised of the message: from here on it is one like any other. */
export type Wrapped = { document: FoundDocument; recognition: Recognition } | { reasons: Reason[] }

/**
 * Makes the document of a described file: a CDA of level 1 whose author is the sender. Nothing of it is trusted because it was made here: it is read
 * and judged again like a stranger's.
 */
export async function wrap(asked: WrapRequest): Promise<Wrapped> {
  const { document, recognition, description, sender, policy, writtenAt } = asked
  const verdict = judgeCandidate(document, recognition, sender, policy)
  const standing = verdict.action === 'file' ? [] : verdict.reasons.filter(reason => reason !== 'needs-identity')
  if (standing.length > 0) return { reasons: standing }
  const structure = wrappingStructure(sender, policy)
  const { idNatPs, person } = sender
  if (!document.candidate || !structure || idNatPs === undefined || !person?.specialty) return { reasons: ['sender-unlisted'] }
  if (!isPast(description.performedAt, writtenAt)) return { reasons: ['bad-date'] }
  const { content, candidate } = document
  const author = { idNatPs, family: person.family, given: person.given, specialty: person.specialty }
  const cda = buildCdaN1(
    { uniqueId: asked.uniqueId, content, mediaType: candidate.mediaType, description, writtenAt, author, structure },
    asked.tables ?? tablesIn(policy.ansFiles),
  )
  const read = await asked.read('document.xml', cda)
  const [made] = read.documents
  if (!made?.cda) return { reasons: read.faults.length > 0 ? read.faults : ['reading-failed'] }
  const differs = namesAnother(candidate.states, description) ? (['description-differs'] as const) : []
  const faults = [...made.faults, ...read.faults, ...judgeSubject(candidate.subject ?? '', made.cda.patient), ...differs]
  const wrapped = { ...made, path: document.path, faults }
  return {
    document: wrapped,
    recognition: { ...recognition, documents: recognition.documents.map(each => (each === document ? wrapped : each)) },
  }
}

/** The name that HPRIM gives may be one in use; the first name and the date of birth are the person's. The date is compared for the whole message. */
function namesAnother(states: NonNullable<FoundDocument['candidate']>['states'], { patient }: Description): boolean {
  if (!states) return false
  const said = ` ${plainName(states.firstName) ?? ''} `
  const known = ` ${plainName(`${patient.firstNames ?? ''} ${patient.firstName}`) ?? ''} `
  const born = states.birthDate !== patient.birthDate.replaceAll('-', '')
  return born || said.trim() === '' || !known.includes(` ${said.trim().split(' ')[0]} `)
}
