import type { IncomingMessage, ServerResponse } from 'node:http'
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
import { type Envelope, faultBody, readEnvelope, registryResponse, respond } from './soap.ts'
import type { Store } from './store.ts'
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
}

const ACTIONS: Readonly<Record<string, string>> = {
  '/repository': 'urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b',
  '/registry': 'urn:ihe:iti:2007:RegistryStoredQuery',
  '/patients': 'urn:hl7-org:v3:PRPA_IN201307UV02',
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
  const action = ACTIONS[path]
  if (fault === 'http-500') return httpError(500)
  if (fault === 'busy' && path === '/patients') return httpError(503)
  if (!action) return httpError(404)
  if (request.method !== 'POST') return httpError(405)
  const answer = await answerSafely(request, path, action, services, record, fault)
  write(answer ? { ...record, status: answer.status } : record)
  if (!answer) return
  const text = respond(answer.action, record.messageId, services.newId(), answer.body)
  const { type, body } = services.mtomAnswers && path === '/repository' ? mtom(text) : { type: SOAP_TYPE, body: text }
  response.writeHead(answer.status, { 'content-type': `${type}; action="${answer.action}"` }).end(body)
}

const SOAP_TYPE = 'application/soap+xml; charset=UTF-8'

/** A server whose MTOM is on answers so even when it attaches nothing. */
function mtom(text: string): { type: string; body: string } {
  const part = 'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\nContent-Transfer-Encoding: binary'
  const type = 'multipart/related; boundary="dmp"; type="application/xop+xml"; start="<root@dmp>"; start-info="application/soap+xml"'
  return { type, body: `--dmp\r\n${part}\r\nContent-ID: <root@dmp>\r\n\r\n${text}\r\n--dmp--\r\n` }
}

async function answerSafely(
  request: IncomingMessage,
  path: string,
  action: string,
  services: Services,
  record: RequestRecord,
  fault: FaultKind | undefined,
): Promise<Answer | undefined> {
  const name = path === '/patients' ? 'urn:hl7-org:v3:PRPA_IN201308UV02' : `${action}Response`
  try {
    const body = await answer(request, path, action, services, record, fault)
    return body === undefined ? undefined : { status: 200, action: name, body }
  } catch (error) {
    if (error instanceof RegistryRefusal) {
      Object.assign(record, { outcome: 'refused', problems: error.problems })
      return { status: 200, action: name, body: path === '/registry' ? queryRefusal(error) : registryResponse(error) }
    }
    if (request.socket.destroyed) return undefined
    const soap = error instanceof SoapFault ? error : new SoapFault('Receiver', 'the simulator failed', undefined, { cause: error })
    if (soap !== error) console.error(error)
    Object.assign(record, { outcome: 'soap-fault', soapFault: [soap.code, soap.subcode].filter(Boolean).join('/'), reason: soap.message })
    const status = soap.code === 'Sender' ? 400 : 500
    return { status, action: 'http://www.w3.org/2005/08/addressing/soap/fault', body: faultBody(soap) }
  }
}

/** @returns the body of the answer, undefined for silence; fills the record */
async function answer(
  request: IncomingMessage,
  path: string,
  action: string,
  services: Services,
  record: RequestRecord,
  fault: FaultKind | undefined,
): Promise<string | undefined> {
  const client = judgeClient(request, services)
  record.structure = client.structure
  const body = await readBody(request)
  record.size = body.length
  const contentType = request.headers['content-type'] ?? ''
  const message = path === '/repository' ? readPackage(contentType, body) : { root: plain(contentType, body), parts: new Map() }
  const to = [`${services.url}${path}`, `https://${request.headers.host}${path}`]
  const envelope = readEnvelope(message.root, { action, to })
  record.messageId = envelope.messageId
  scripted(fault, path)
  const vihf = identify(envelope, client, services)
  if (path === '/repository') return file(envelope, message.parts, vihf, services, record, fault)
  record.outcome = fault?.startsWith('timeout') ? 'silent' : 'answered'
  if (record.outcome === 'silent') return undefined
  if (path === '/registry') return answerQuery(envelope.payload, vihf, services.store).body
  return answerExistence(envelope.payload, vihf, services.patients, services.newId, new Date(services.now()), fault === 'closed')
}

function file(
  envelope: Envelope,
  parts: ReadonlyMap<string, Buffer>,
  vihf: Vihf,
  services: Services,
  record: RequestRecord,
  fault: FaultKind | undefined,
): string | undefined {
  const { store, trust, patients, newId } = services
  const lot = judgeSubmission(envelope.payload, parts, vihf, { store, trust, patients, now: services.now(), newId })
  record.outcome = 'silent'
  record.submissionSetUniqueId = lot.submissionSetUniqueId
  if (fault === 'timeout-before-commit') return undefined
  store.add(lot)
  record.uniqueIds = lot.documents.map(({ uniqueId }) => uniqueId)
  if (fault === 'timeout-after-commit') return undefined
  record.outcome = 'filed'
  return registryResponse()
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
  if (fault === 'soap-fault') throw invalidCertificate('asked by the fault menu')
  if (fault === 'closed' && path === '/repository') throw new RegistryRefusal([{ code: 'DMPClosed', context: 'asked by the fault menu' }])
  const busy = path === '/registry' ? 'XDSRegistryBusy' : 'XDSRepositoryBusy'
  if (fault === 'busy') throw new RegistryRefusal([{ code: busy, context: 'asked by the fault menu' }])
}
