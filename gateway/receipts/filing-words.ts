import { frenchAdvice, frenchAnswer, frenchClass, frenchReason } from '../../dmp-bridge/index.ts'
import { renderField } from '../header.ts'
import { frenchTime } from './words.ts'

/** What became of one document, as its sender may be told: ids, codes and times, nothing of the patient. */
export interface NoticedDocument {
  /** Its rank among the documents of the message; 0 stands for a message that could not be read into documents. */
  place: number
  uniqueId?: string
  /** typeCode */
  type?: string
  state: 'pending' | 'held' | 'filed' | 'refused' | 'ignored' | 'deleting' | 'deleted'
  reasons: readonly string[]
  code?: string
  /** Milliseconds: when it came to this; of what waits for its time, when that is; absent while the DMP is tried again. */
  at?: number
}

/** What a sender is told of the filing of one message's documents. */
export interface FilingNews {
  documents: readonly NoticedDocument[]
  /** Where what is pending can be held back. */
  holdLink?: string | undefined
  /** Where the operator's pages are, for whoever has an account there. */
  pages?: string | undefined
}

/** @returns the subject of a mail of its own; nothing of the patient, nor of the document */
export function filingSubject({ documents }: FilingNews): string {
  const states = documents.map(({ state }) => state)
  if (states.includes('held') || states.includes('refused')) return 'Dépôt au DMP : à vérifier'
  if (states.includes('pending')) return 'Dépôt au DMP : prévu'
  return states.includes('filed') ? 'Dépôt au DMP : effectué' : 'Dépôt au DMP : document retiré'
}

/** @returns the lines that a doctor reads, without greeting */
export function filingLines({ documents, holdLink, pages }: FilingNews): string[] {
  const open = documents.some(({ state }) => state === 'held' || state === 'refused')
  return [
    ...documents.flatMap(documentLines),
    ...(holdLink === undefined ? [] : ['', 'Pour retenir ces documents avant leur dépôt :', `   ${holdLink}`]),
    ...(open && pages !== undefined ? ['', 'Pour voir ce qui attend, le libérer ou y renoncer :', `   ${pages}`] : []),
  ]
}

function documentLines(document: NoticedDocument): string[] {
  const { place, type, state, reasons, code } = document
  const kind = type === undefined ? undefined : frenchClass(type)
  const name = place === 0 ? 'Le message' : `Document ${place}${kind === undefined ? '' : ` (${kind})`}`
  const why = [...reasons.map(frenchReason), ...(code === undefined ? [] : [frenchAnswer(code) ?? `Code : ${plain(code)}.`])]
  const words = state === 'held' || state === 'refused' ? [...why, ...frenchAdvice(reasons)] : state === 'ignored' ? why : []
  return [`   - ${name} : ${STATES[state](document)}`, ...words.map(line => `      ${line}`)]
}

const STATES: Record<NoticedDocument['state'], (document: NoticedDocument) => string> = {
  pending: ({ at }) =>
    at === undefined ? 'en attente ; le DMP ne répond pas, nous continuons d’essayer.' : `dépôt au DMP prévu le ${timeOf(at)}.`,
  held: () => 'retenu, il n’est pas dans le DMP.',
  filed: ({ at }) => `déposé au DMP${on(at)}.`,
  refused: ({ reasons }) => (reasons.includes('given-up') ? 'non déposé au DMP.' : 'refusé par le DMP.'),
  ignored: () => 'non déposé.',
  deleting: () => 'suppression demandée au DMP.',
  deleted: ({ at }) => `retiré du DMP${on(at)}.`,
}

function on(at: number | undefined): string {
  return at === undefined ? '' : ` le ${timeOf(at)}`
}

function timeOf(at: number): string {
  return frenchTime(new Date(at))
}

/** @returns one `X-Pli-Filing` field for each document, for software: `<uniqueId>; place=1; state=held; reason=no-ins` */
export function filingFields({ documents }: FilingNews): Buffer[] {
  return documents.map(({ uniqueId, place, state, reasons, code }) => {
    const reason = reasons.length === 0 ? [] : [`reason=${reasons.map(plain).join(',')}`]
    const said = [uniqueId ?? 'none', `place=${place}`, `state=${state}`, ...reason, ...(code === undefined ? [] : [`code=${plain(code)}`])]
    return renderField('X-Pli-Filing', said.join('; '))
  })
}

/** A code of the DMP goes into a header field and a text. */
function plain(code: string): string {
  return code.replace(/[^\w.-]/g, '_').slice(0, 64)
}
