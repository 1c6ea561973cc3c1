import type { DmpAnswer, DmpStatus } from './dmp.ts'
import { readSoap, registryAnswer } from './soap.ts'
import { attribute, find, findAll, textOf, type XmlElement } from './xml.ts'

const HL7 = 'urn:hl7-org:v3'
const RIM = 'urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'
const ENTRY_UNIQUE_ID = 'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab'

export type ExistenceAnswer = { kind: 'status'; status: DmpStatus } | Exclude<DmpAnswer, { kind: 'accepted' }>
export type LookupAnswer = { kind: 'found'; entryUuid: string } | { kind: 'absent' } | Exclude<DmpAnswer, { kind: 'accepted' }>

/** @param xml a whole SOAP 1.2 answer to ITI-41 */
export function readRegistryResponse(xml: string | Uint8Array): DmpAnswer {
  const answer = read(xml)
  return answer.kind === 'body' ? registryAnswer(answer.content) : answer
}

/** @param xml a whole SOAP 1.2 answer to TD0.2 */
export function readExistenceResponse(xml: string | Uint8Array): ExistenceAnswer {
  const answer = read(xml)
  return answer.kind === 'body' ? existenceAnswer(answer.content) : answer
}

/** @param xml a whole SOAP 1.2 answer to TD3.1b. @param uniqueId the document that was asked for */
export function readLookupResponse(xml: string | Uint8Array, uniqueId: string): LookupAnswer {
  const answer = read(xml)
  return answer.kind === 'body' ? lookupAnswer(answer.content, uniqueId) : answer
}

function read(xml: string | Uint8Array): ReturnType<typeof readSoap> {
  return readSoap('application/soap+xml', Buffer.from(xml as Uint8Array))
}

const STATUSES: Readonly<Record<string, DmpStatus>> = { ACTIF: 'active', FERME: 'closed', INEXISTANT: 'absent' }

/**
 * PRPA_IN201308UV02 (spec dmp §1.7): `queryResponseCode` NF says that there is no DMP; with OK the state stands as ACTIF, FERME or
 * INEXISTANT. Where exactly is not public, so it is looked for by its words, and must be said in one way only.
 */
export function existenceAnswer(content: XmlElement): ExistenceAnswer {
  if (content.name !== 'PRPA_IN201308UV02' || content.ns !== HL7) return { kind: 'unreadable' }
  const control = find(content, 'controlActProcess')
  const code = attribute(find(control, 'queryAck', 'queryResponseCode'), 'code')
  if (code === 'NF') return { kind: 'status', status: 'absent' }
  const said = new Set(wordsOf(find(control, 'subject')).flatMap(word => STATUSES[word] ?? []))
  const [status, ...others] = said
  return code === 'OK' && status && others.length === 0 ? { kind: 'status', status } : { kind: 'unreadable' }
}

function wordsOf(element: XmlElement | undefined): string[] {
  if (!element) return []
  const own = [attribute(element, 'code'), attribute(element, 'value'), attribute(element, 'extension'), textOf(element)]
  return [...own.filter(each => each !== undefined), ...element.children.flatMap(wordsOf)]
}

/** AdhocQueryResponse: the entry whose uniqueId is the one asked for, or none. */
export function lookupAnswer(content: XmlElement, uniqueId: string): LookupAnswer {
  if (content.name !== 'AdhocQueryResponse') return { kind: 'unreadable' }
  const status = attribute(content, 'status')
  if (!status?.endsWith(':Success')) return failureOf(content)
  const entry = findAll(content, 'ExtrinsicObject', RIM).find(each =>
    findAll(each, 'ExternalIdentifier', RIM).some(
      id => attribute(id, 'identificationScheme') === ENTRY_UNIQUE_ID && attribute(id, 'value') === uniqueId,
    ),
  )
  const entryUuid = attribute(entry, 'id')
  return entryUuid === undefined ? { kind: 'absent' } : { kind: 'found', entryUuid }
}

function failureOf(content: XmlElement): LookupAnswer {
  const codes = findAll(content, 'RegistryError').map(each => attribute(each, 'errorCode') ?? 'unnamed-code')
  return codes.length > 0 ? { kind: 'errors', codes } : { kind: 'unreadable' }
}
