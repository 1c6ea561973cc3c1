import type { IncomingMessage, ServerResponse } from 'node:http'
import { mtom, sendAnswer } from './answering.ts'
import { CertificateFault, type Holder, type Trust } from './certificates.ts'
import { answerExistence } from './existence.ts'
import type { FaultKind } from './faults.ts'
import type { RequestRecord } from './journal.ts'
import { parseHeader, readPackage } from './multipart.ts'
import type { Patients } from './patients.ts'
import { invalidCertificate, RegistryRefusal, SoapFault } from './refusals.ts'
import { answerQuery, queryRefusal } from './registry.ts'
import { judgeSubmission } from './repository.ts'
import { clientCertificate, readBody } from './server.ts'
import { contradiction, type Envelope, faultBody, readEnvelope, registryResponse, respond } from './soap.ts'
import type { Store } from './store.ts'
import { judgeDeletion } from './update.ts'
import { readVihf, type Vihf } from './vihf.ts'

/** All that the three services share. `trust` changes when new revocation lists come. */
export interface Services {
  url: string
  trust: Trust
  store: Store
  patients: Patients
  sites: Readonly<Record<string, readonly string[]>>
  requireHomologation: string | undefined
  mtomAnswers: boolean
  now: () => number
  newId: () => string
  onSilence: (messageId: string) => void
}

const UPDATE = 'urn:ihe:iti:2010:UpdateDocumentSet'
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  '/repository': ['urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b'],
  '/registry': ['urn:ihe:iti:2007:RegistryStoredQuery', UPDATE],
  '/patients': ['urn:hl7-org:v3:PRPA_IN201307UV02'],
}

/** An answer, or silence when the fault menu wants it. */
interface Answer {
  status: number
  action: string
  body: string
}

/** Answers one HTTP request. @param write gets its record, before the answer leaves: who has the answer finds the record */
export async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  services: Services,
  fault: FaultKind | undefined,
  write: (record: RequestRecord) => void,
): Promise<void> {
  const path = request.url ?? ''
  const record: RequestRecord = { at: new Date(services.now()).toISOString(), path, outcome: 'http-error', ...(fault ? { fault } : {}) }
  const httpError = (status: number) => {
    write({ ...record, status })
    response.writeHead(status, { 'content-type': 'text/plain' }).end('error')
  }
  const actions = ACTIONS[path]
  if (isCut(fault)) {
    write({ ...record, outcome: 'silent' })
    if (fault === 'reset-mid-body') request.once('data', () => request.destroy()).once('end', () => request.destroy())
    else request.destroy()
    return
  }
  const status = /^http-(\d{3})$/.exec(fault ?? '')?.[1]
  if (status !== undefined) return httpError(Number(status))
  if (fault === 'busy' && path === '/patients') return httpError(503)
  if (!actions) return httpError(404)
  if (request.method !== 'POST') return httpError(405)
  const answer = await answerSafely(request, path, actions, services, record, fault)
  write(answer ? { ...record, status: answer.status } : record)
  if (fault === 'reset-after-commit') request.socket.destroy() // not the request: one that was read to its end would keep it
  if (!answer) return services.onSilence(record.messageId ?? '')
  if (fault === 'reset-after-commit') return
  const body = respond(answer.action, record.messageId, services.newId(), answer.body)
  const { type, body: packed } = services.mtomAnswers && path === '/repository' ? mtom(body) : { type: SOAP_TYPE, body }
  sendAnswer(response, { status: answer.status, type: `${type}; action="${answer.action}"`, body: packed }, fault)
}

const SOAP_TYPE = 'application/soap+xml; charset=UTF-8'

/** 'down' and 'tls-refusal' come here on a connection that was open before, or by a plan. */
function isCut(fault: FaultKind | undefined): boolean {
  return fault === 'down' || fault === 'tls-refusal' || fault === 'reset-mid-body'
}

async function answerSafely(
  request: IncomingMessage,
  path: string,
  actions: readonly string[],
  services: Services,
  record: RequestRecord,
  fault: FaultKind | undefined,
): Promise<Answer | undefined> {
  try {
    return await answer(request, path, actions, services, record, fault)
  } catch (error) {
    if (error instanceof RegistryRefusal) {
      Object.assign(record, { outcome: 'refused', problems: error.problems })
      const isQuery = path === '/registry' && record.action !== UPDATE
      return { status: 200, action: responseOf(path, record.action), body: isQuery ? queryRefusal(error) : registryResponse(error) }
    }
    if (request.socket.destroyed) return undefined
    const soap = error instanceof SoapFault ? error : new SoapFault('Receiver', 'the simulator failed', undefined, { cause: error })
    if (soap !== error) console.error(error)
    Object.assign(record, { outcome: 'soap-fault', soapFault: [soap.code, soap.subcode].filter(Boolean).join('/'), reason: soap.message })
    const status = soap.code === 'Sender' ? 400 : 500
    return { status, action: 'http://www.w3.org/2005/08/addressing/soap/fault', body: faultBody(soap) }
  }
}

function responseOf(path: string, action: string | undefined): string {
  return path === '/patients' ? 'urn:hl7-org:v3:PRPA_IN201308UV02' : `${action ?? ACTIONS[path]?.[0]}Response`
}

/** @returns the answer, undefined for silence; fills the record */
async function answer(
  request: IncomingMessage,
  path: string,
  actions: readonly string[],
  services: Services,
  record: RequestRecord,
  fault: FaultKind | undefined,
): Promise<Answer | undefined> {
  const client = judgeClient(request, services)
  record.structure = client.structure
  const body = await readBody(request)
  record.size = body.length
  const contentType = request.headers['content-type'] ?? ''
  const message = path === '/repository' ? readPackage(contentType, body) : { root: plain(contentType, body), parts: new Map() }
  const to = [`${services.url}${path}`, `https://${request.headers.host}${path}`]
  const envelope = readEnvelope(message.root, { actions, to })
  record.messageId = envelope.messageId
  record.action = envelope.action
  scripted(fault, path)
  const vihf = identify(envelope, client, services)
  const answered = done(envelope, message.parts, path, vihf, services, record, fault)
  if (answered === undefined || fault === 'timeout-after-commit') {
    record.outcome = 'silent'
    return undefined
  }
  const isChange = record.outcome === 'filed' || record.outcome === 'deleted'
  return {
    status: 200,
    action: responseOf(path, envelope.action),
    body: fault === 'contradictory' && isChange ? contradiction() : answered,
  }
}

/** Does what is asked. @returns the body of the answer, undefined when nothing is to be done and no answer is to come */
function done(
  envelope: Envelope,
  parts: ReadonlyMap<string, Buffer>,
  path: string,
  vihf: Vihf,
  services: Services,
  record: RequestRecord,
  fault: FaultKind | undefined,
): string | undefined {
  const { store, trust, patients, newId } = services
  const { payload, action } = envelope
  const now = services.now()
  if (path === '/repository') {
    const lot = judgeSubmission(payload, parts, vihf, { store, trust, patients, now, newId })
    record.submissionSetUniqueId = lot.submissionSetUniqueId
    if (fault === 'timeout-before-commit') return undefined
    store.add(lot)
    Object.assign(record, { outcome: 'filed', uniqueIds: lot.documents.map(({ uniqueId }) => uniqueId) })
    return registryResponse()
  }
  if (action === UPDATE) {
    const { document, submissionSetUniqueId } = judgeDeletion(payload, vihf, store, now)
    record.submissionSetUniqueId = submissionSetUniqueId
    if (fault === 'timeout-before-commit') return undefined
    store.delete(document, submissionSetUniqueId)
    Object.assign(record, { outcome: 'deleted', uniqueIds: [document.uniqueId] })
    return registryResponse()
  }
  if (fault === 'timeout-before-commit') return undefined
  record.outcome = 'answered'
  if (path === '/registry') return answerQuery(payload, vihf, store, fault === 'other-patient').body
  return answerExistence(payload, vihf, patients, newId, new Date(now), fault === 'closed')
}

function judgeClient(request: IncomingMessage, { trust, now }: Services): Holder {
  try {
    return trust.judge(clientCertificate(request), 'AUTH_CLI', new Date(now()))
  } catch (error) {
    if (error instanceof CertificateFault) throw invalidCertificate(`TLS: ${error.message}`)
    throw error
  }
}

function plain(contentType: string, body: Buffer): Buffer {
  const { value, parameters } = parseHeader(contentType)
  const utf8 = (parameters.get('charset') ?? 'utf-8').toLowerCase() === 'utf-8'
  if (value !== 'application/soap+xml' || !utf8) throw new SoapFault('Sender', 'the request is not application/soap+xml in UTF-8')
  return body
}

function identify({ header }: Envelope, { structure }: Holder, services: Services): Vihf {
  const { trust, sites, requireHomologation } = services
  return readVihf(header, { trust, structure, sites: sites[structure] ?? [], requireHomologation, now: services.now() })
}

/** The faults that are answers. */
function scripted(fault: FaultKind | undefined, path: string): void {
  const refuse = (code: string) => new RegistryRefusal([{ code, context: 'asked by the fault menu' }])
  const [kind, what = ''] = fault?.split(':') ?? []
  if (kind === 'code') throw refuse(what)
  if (kind === 'soap') {
    const [role, subcode] = what.split('/')
    throw new SoapFault(role as SoapFault['code'], 'asked by the fault menu', subcode)
  }
  if (fault === 'soap-fault') throw invalidCertificate('asked by the fault menu')
  if (fault === 'closed' && path === '/repository') throw refuse('DMPClosed')
  if (fault === 'busy') throw refuse(path === '/registry' ? 'XDSRegistryBusy' : 'XDSRepositoryBusy')
}
